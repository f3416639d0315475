import { explainFailure, followAnswer } from './download-failure.ts';
import { redact } from './download-hop.ts';
import type { DownloadHop } from './download-hop.ts';
import type { DownloadProgress, DownloadRequest } from './download-options.ts';
import { DownloadFailedError, HostError } from './errors.ts';
import type { DownloadFailure } from './errors.ts';

/** A file that was downloaded. */
export interface DownloadedFile {
  /** Absolute, on the host. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Whether a digest was checked. */
  readonly isVerified: boolean;
}

/** What a listener acts upon. */
export interface DownloadListenerOptions {
  /** The beginning of every message. */
  readonly what: string;
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Sends the next hop to the script. */
  readonly order: (hop: DownloadHop) => void;
}

/** Understands what the download script says. */
export interface DownloadListener {
  /** Takes a line. `over`: nothing more is asked of the script, which cleans up. */
  take(line: string): 'go on' | 'over';
  /** What came of it: the file, the error as a throw, or `undefined` when the script has not said it. */
  finish(): DownloadedFile | undefined;
}

/** Makes what listens to one download. */
export function createDownloadListener(
  request: DownloadRequest,
  { what, onProgress, order }: DownloadListenerOptions,
): DownloadListener {
  let { hop } = request;
  let redirects = 0;
  let head: string[] = [];
  let log: string[] = [];
  let totalBytes: number | undefined;
  let told = 0;
  let file: DownloadedFile | undefined;
  let error: HostError | undefined;

  const fail = (failure: DownloadFailure, reason: string, status?: number): void => {
    error ??= new DownloadFailedError(`${what}: ${reason}`, { failure, ...(status !== undefined && { status }) });
  };
  const tooLarge =
    request.maxBytes === undefined ? 'its headers do not end' : `it is larger than ${request.maxBytes} bytes`;
  const tell = (sizeBytes: number): void => {
    told = sizeBytes;
    onProgress({ sizeBytes, ...(totalBytes !== undefined && totalBytes >= sizeBytes && { totalBytes }) });
  };
  const judge = (tool: string, exitCode: number): 'go on' | 'over' => {
    const transfer = { tool, exitCode, head, log };
    const next = error === undefined ? followAnswer(transfer, hop, { ...request, redirects }) : undefined;
    if (next === undefined) {
      const { failure, reason, status } = explainFailure(transfer);
      fail(failure, failure === 'too-large' ? tooLarge : redact(reason, hop), status);
      return 'over';
    }
    if (typeof next === 'string') {
      fail('redirect', next);
      return 'over';
    }
    redirects += 1;
    hop = next;
    head = [];
    log = [];
    order(hop);
    return 'go on';
  };

  return {
    take: (line) => {
      const [word = '', ...rest] = line.split(' ');
      const detail = rest.join(' ');
      switch (word) {
        case 'total':
          totalBytes = Number(detail);
          break;
        case 'size':
          if (Number(detail) > told) tell(Number(detail));
          break;
        case 'h':
          head.push(detail);
          break;
        case 'e':
          log.push(detail);
          break;
        case 'stall':
          fail('stalled', `nothing has come for ${request.stallMs} ms`);
          break;
        case 'large':
          fail('too-large', tooLarge);
          break;
        case 'full':
          error ??= new HostError('WRITE_FAILED', `${what}: ${explainWrite(detail)}`);
          break;
        case 'missing':
          error ??= new HostError('COMMAND_NOT_FOUND', `${what}: ${missing[detail] ?? `${detail} is missing there`}`);
          break;
        case 'unsafe':
          error ??= new HostError(
            'COMMAND_NOT_FOUND',
            `${what}: ${unsafe[detail] ?? detail}; install curl or GNU wget there`,
          );
          break;
        case 'mismatch':
          error ??= new HostError(
            'DIGEST_MISMATCH',
            `${what}: ${rest[0]} is ${rest[1]}, which is not the announced one`,
          );
          break;
        case 'ended':
          return judge(rest[0] ?? '', Number(rest[1]));
        case 'done':
          tell(Number(rest[0]));
          file = { path: request.path, sizeBytes: Number(rest[0]), isVerified: (rest[1] ?? '') !== '' };
          break;
      }
      return error === undefined ? 'go on' : 'over';
    },
    finish: () => {
      if (error !== undefined) throw error;
      return file;
    },
  };
}

const missing: Readonly<Record<string, string>> = {
  curl: "neither curl nor wget (GNU's or busybox's) is there; install one of them there",
  sha256sum: 'nothing there can check a SHA-256; install coreutils, perl or openssl there, or say allowUnverified',
  sha512sum: 'nothing there can check a SHA-512; install coreutils, perl or openssl there, or say allowUnverified',
};

const unsafe: Readonly<Record<string, string>> = {
  https: "the wget there is busybox's, which checks no certificates",
  headers: "the wget there is busybox's, which would show headers and passwords to every user of the machine",
};

function explainWrite(words: string): string {
  return /no space/i.test(words) ? 'no space left on device' : words.slice(-300);
}
