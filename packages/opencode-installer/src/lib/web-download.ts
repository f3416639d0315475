import type { Bytes } from '@optio-ts/host-core';
import npmFetch from 'npm-registry-fetch';

import { OpencodeInstallError } from './errors.ts';
import { createDownloadAgent } from './npm-agent.ts';
import type { NpmSettings } from './npm-config.ts';
import { describeFailure, displayUrl } from './redact.ts';

/** A download by this machine. */
export interface WebRequest {
  /** For messages: `opencode-linux-x64@1.18.33`. */
  readonly what: string;
  /** npm's settings: credentials of the address, proxy, certificates, retries. */
  readonly settings: NpmSettings;
  /** Name of the package, whose scope may have credentials of its own. */
  readonly packageName?: string | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** An answer as it arrives. */
export interface WebDownload {
  /** Bytes of the file, when the server says so. */
  readonly totalBytes: number | undefined;
  readonly content: Bytes;
}

/** Starts to download a file, as npm would. Throws `VERSION_NOT_FOUND`, `REGISTRY_REFUSED`, `DOWNLOAD_FAILED`, `ABORTED`. */
export async function openUrl(
  url: string,
  request: WebRequest,
  headers: Readonly<Record<string, string>> = {},
): Promise<WebDownload> {
  const { abortSignal, packageName, settings, what } = request;
  if (isAborted(request)) throw aborted(request);
  refuseOffline(request);
  const agent = createDownloadAgent(settings);
  try {
    const { body: received, headers: answered } = await npmFetch(url, {
      ...settings,
      // No copy in npm's cache: the binary is kept unpacked on the host.
      cache: undefined,
      spec: packageName,
      headers,
      agent: agent.agent,
      ...(abortSignal === undefined ? {} : { signal: abortSignal }),
    });
    const length = answered.get('content-length');
    const isEncoded = answered.get('content-encoding') !== null;
    return {
      totalBytes: length === null || isEncoded ? undefined : Number(length),
      content: explained(agent.paced(received), request, url),
    };
  } catch (error) {
    if (isAborted(request)) throw aborted(request);
    const status = error instanceof Error ? Reflect.get(error, 'statusCode') : undefined;
    throw refusalOf(status, what, url) ?? failed(error, request, url);
  }
}

/** Throws when npm is configured to be offline. */
export function refuseOffline({ settings, what }: Pick<WebRequest, 'settings' | 'what'>): void {
  if (settings['offline'] !== true) return;
  throw new OpencodeInstallError('DOWNLOAD_FAILED', `Cannot download ${what}: npm is configured to be offline`);
}

/** What a server's status says of a file, whoever has asked; `undefined` for one that says nothing in particular. */
export function refusalOf(status: unknown, what: string, url: string): OpencodeInstallError | undefined {
  if (status === 401 || status === 403 || status === 407) {
    return new OpencodeInstallError(
      'REGISTRY_REFUSED',
      `${status === 407 ? 'The proxy' : displayUrl(url)} refuses ${what} with status ${status}; check the credentials in npm's configuration`,
    );
  }
  // 405: some mirrors answer so to an address of a kind that they do not know.
  if (status === 404 || status === 405 || status === 410) {
    return new OpencodeInstallError(
      'VERSION_NOT_FOUND',
      `${displayUrl(url)} answers with status ${status}: no ${what} there`,
    );
  }
  return undefined;
}

// The errors of a body, saying what was being downloaded.
async function* explained(content: Bytes, request: WebRequest, url: string): Bytes {
  try {
    yield* content;
    if (isAborted(request)) throw aborted(request);
  } catch (error) {
    if (OpencodeInstallError.is(error)) throw error;
    if (isAborted(request)) throw aborted(request);
    throw failed(error, request, url);
  }
}

function isAborted({ abortSignal }: WebRequest): boolean {
  return abortSignal?.aborted === true;
}

function failed(error: unknown, { what }: WebRequest, url: string): OpencodeInstallError {
  // The library's own error is not kept as the cause: it may hold URLs and headers with credentials.
  return new OpencodeInstallError(
    'DOWNLOAD_FAILED',
    `Cannot download ${what} from ${displayUrl(url)}: ${describeFailure(error)}`,
  );
}

function aborted({ abortSignal, what }: WebRequest): OpencodeInstallError {
  return new OpencodeInstallError('ABORTED', `The download of ${what} was cancelled`, { cause: abortSignal?.reason });
}
