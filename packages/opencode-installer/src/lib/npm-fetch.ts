import type { Bytes } from '@optio-ts/host-core';
import npmFetch from 'npm-registry-fetch';

import { OpencodeInstallError } from './errors.ts';
import { createDownloadAgent } from './npm-agent.ts';
import type { NpmSettings } from './npm-config.ts';
import { conventionalTarballUrl, metadataUrl, replaceRegistryHost, tarballOf } from './npm-package.ts';
import type { PackageTarball } from './npm-package.ts';
import { describeFailure, displayUrl } from './redact.ts';

/** What is asked of the registry. */
export interface NpmRequest {
  readonly name: string;
  readonly version: string;
  readonly settings: NpmSettings;
  readonly abortSignal?: AbortSignal | undefined;
}

/** An answer of the registry, as it arrives. */
export interface NpmDownload {
  /** Bytes of the tarball, when the registry says so. */
  readonly totalBytes: number | undefined;
  readonly content: Bytes;
}

type RegistryResponse = Awaited<ReturnType<typeof npmFetch>>;

interface Answer {
  readonly headers: RegistryResponse['headers'];
  readonly body: Bytes;
}

/** More than the metadata of any package has. */
const maxMetadataBytes = 64 * 1024 ** 2;

/** Asks the registry what a version's tarball is. Throws `VERSION_NOT_FOUND`, `REGISTRY_REFUSED`, `DOWNLOAD_FAILED`. */
export async function findTarball(request: NpmRequest): Promise<PackageTarball> {
  const { name, settings, version } = request;
  const registry = registryOf(request);
  const response = await get(metadataUrl(registry, name), request, {
    // The short form, made for installing.
    accept: 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8',
  });
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxMetadataBytes) {
      throw new OpencodeInstallError(
        'PACKAGE_INVALID',
        `The metadata of ${name} is longer than ${maxMetadataBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  const tarball = tarballOf(parse(Buffer.concat(chunks)), {
    name,
    version,
    registry: displayUrl(registry),
  });
  return {
    ...tarball,
    url: replaceRegistryHost(tarball.url, registry, settings['replaceRegistryHost']),
  };
}

/** Starts to download a tarball: from `url`, or from where registries keep it by convention. */
export async function openTarball(request: NpmRequest, url?: string): Promise<NpmDownload> {
  const from = url ?? conventionalTarballUrl(registryOf(request), request.name, request.version);
  const response = await get(from, request, {});
  const length = response.headers.get('content-length');
  const isEncoded = response.headers.get('content-encoding') !== null;
  return {
    totalBytes: length === null || isEncoded ? undefined : Number(length),
    content: response.body,
  };
}

function registryOf({ name, settings }: NpmRequest): string {
  return npmFetch.pickRegistry(name, settings).trim();
}

async function get(url: string, request: NpmRequest, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const { abortSignal, name, settings, version } = request;
  if (isAborted(request)) throw aborted(request);
  if (settings['offline'] === true) {
    throw new OpencodeInstallError(
      'DOWNLOAD_FAILED',
      `Cannot download ${name}@${version}: npm is configured to be offline`,
    );
  }
  const agent = createDownloadAgent(settings);
  try {
    const { body: received, headers: answered } = await npmFetch(url, {
      ...settings,
      // No copy in npm's cache: the binary is kept unpacked on the host.
      cache: undefined,
      spec: name,
      headers,
      agent: agent.agent,
      ...(abortSignal === undefined ? {} : { signal: abortSignal }),
    });
    return { headers: answered, body: explained(agent.paced(received), request, url) };
  } catch (error) {
    if (isAborted(request)) throw aborted(request);
    throw refusal(error, request, url);
  }
}

// The errors of a body, saying what was being downloaded.
async function* explained(content: Bytes, request: NpmRequest, url: string): Bytes {
  try {
    yield* content;
    if (isAborted(request)) throw aborted(request);
  } catch (error) {
    if (OpencodeInstallError.is(error)) throw error;
    if (isAborted(request)) throw aborted(request);
    throw failed(error, request, url);
  }
}

function isAborted({ abortSignal }: NpmRequest): boolean {
  return abortSignal?.aborted === true;
}

function refusal(error: unknown, request: NpmRequest, url: string): OpencodeInstallError {
  const what = `${request.name}@${request.version}`;
  const status = error instanceof Error ? Reflect.get(error, 'statusCode') : undefined;
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
  return failed(error, request, url);
}

function failed(error: unknown, request: NpmRequest, url: string): OpencodeInstallError {
  // The library's own error is not kept as the cause: it may hold URLs and headers with credentials.
  return new OpencodeInstallError(
    'DOWNLOAD_FAILED',
    `Cannot download ${request.name}@${request.version} from ${displayUrl(url)}: ${describeFailure(error)}`,
  );
}

function aborted(request: NpmRequest): OpencodeInstallError {
  return new OpencodeInstallError('ABORTED', `The download of ${request.name}@${request.version} was cancelled`, {
    cause: request.abortSignal?.reason,
  });
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    // Not JSON is as good as no metadata: the caller says what is missing.
    return undefined;
  }
}
