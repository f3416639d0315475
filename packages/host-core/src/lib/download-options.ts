import { checkMilliseconds } from './check-command.ts';
import { readDigest } from './digest.ts';
import { checkCaFile, firstHop } from './download-hop.ts';
import type { DownloadHop } from './download-hop.ts';
import type { PathOptions } from './path-access.ts';
import { locate } from './path-info.ts';
import { createRunId } from './run-id.ts';

/** How far a download is. */
export interface DownloadProgress {
  /** Bytes of the file that are on the host. Never fewer than the time before. */
  readonly sizeBytes: number;
  /** Absent when the server does not say. */
  readonly totalBytes?: number;
}

/** Options of `downloadFile`. */
export interface DownloadFileOptions extends PathOptions {
  /** http or https. A user name and password in it are sent as Basic authorization. */
  readonly url: string;
  /** Absolute path on the host. What is missing of its directory is made with mode 0700. */
  readonly path: string;
  /** Hex digest that the file must have. */
  readonly sha256?: string;
  /** Digest in hex or, as npm writes it, base64. Given both, both are checked. */
  readonly sha512?: string;
  /** Takes the file also when there is no digest, or no tool on the host that could check it. @default false */
  readonly allowUnverified?: boolean;
  /**
   * Sent to the server of `url` and, after a redirect, to the same origin only. May be secrets: they are in no argv, no message
   * and on no disk of the host. @default none
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** Absolute path on the host of certificates to trust. @default what the host's curl or wget trusts */
  readonly caFile?: string;
  /** Permission bits. @default 0o600 */
  readonly mode?: number;
  /** A larger file is a `DOWNLOAD_FAILED`. Looked at when the server tells the size, every 0.2 s, and at the end. @default any size */
  readonly maxBytes?: number;
  /** @default 10 */
  readonly maxRedirects?: number;
  /** Milliseconds without a byte after which it is given up. @default 60000 */
  readonly stallMs?: number;
  /** Milliseconds for all of it. @default no limit */
  readonly timeoutMs?: number;
  /** Called about five times a second while something comes, and once at the end. What it throws ends the download. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** What a download is asked for, checked. */
export interface DownloadRequest {
  readonly hop: DownloadHop;
  readonly path: string;
  /** What the script takes. */
  readonly parameters: readonly string[];
  readonly caFile: string | undefined;
  readonly maxBytes: number | undefined;
  readonly maxRedirects: number;
  readonly stallMs: number;
  /** Whether a redirect may lead from https to http: only what is sure to be checked may come that way. */
  readonly mayLeaveTls: boolean;
}

// What every shell can count: some do it in 32 bits.
const mostTurns = 2 ** 31 - 1;

/** Checks what a download is asked for; a `TypeError` that shows no secret otherwise. */
export function checkDownload(options: DownloadFileOptions): DownloadRequest {
  const { path, headers = {}, caFile, mode = 0o600, maxBytes, maxRedirects = 10, stallMs = 60_000 } = options;
  const { sha256, sha512, allowUnverified = false, timeoutMs } = options;
  const hop = firstHop(options.url, headers);
  const place = locate(path, options);
  if (path.endsWith('/')) throw new TypeError('path must be that of a file');
  const digests = [readDigest(sha256, 'sha256') ?? '', readDigest(sha512, 'sha512') ?? ''] as const;
  const hasDigest = digests.some((digest) => digest !== '');
  if (!hasDigest && !allowUnverified)
    throw new TypeError('A download needs sha256 or sha512, or allowUnverified: true');
  if (caFile !== undefined) checkCaFile(caFile);
  for (const [name, value] of Object.entries({ maxBytes, maxRedirects, mode })) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0))
      throw new TypeError(`${name} must be a whole number`);
  }
  if (mode > 0o7777) throw new TypeError('mode must be permission bits');
  if (!(stallMs > 0)) throw new TypeError('stallMs must be a number of milliseconds above 0');
  checkMilliseconds(timeoutMs, 'timeoutMs');
  const turns = Math.min(Math.ceil(stallMs / 200), mostTurns);
  const parameters = [
    ...place,
    createRunId(),
    mode.toString(8),
    String(maxBytes ?? ''),
    String(turns),
    ...digests,
    allowUnverified ? 'yes' : '',
    String(maxRedirects),
  ];
  const mayLeaveTls = hasDigest && !allowUnverified;
  return { hop, path, parameters, caFile, maxBytes, maxRedirects, stallMs, mayLeaveTls };
}
