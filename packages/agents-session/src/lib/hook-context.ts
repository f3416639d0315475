import { posix } from 'node:path';

import { downloadFile, HostError, isLinkFault, isUnreached, outlastLink, runChecked } from '@optio-ts/host-core';
import type { Command, DownloadFileOptions, DownloadedFile, Host, RunOptions, RunResult } from '@optio-ts/host-core';

import { checkSource, hashSource, isRepeatable, openSource } from './copy-source.ts';
import type { CopySource } from './copy-source.ts';
import { AgentSessionError } from './errors.ts';
import type { AgentEvent, EventBody } from './events.ts';
import { checkFile, describeRefusal, readCheckedFile } from './open-checked-file.ts';
import { resolveHookPath } from './resolve-hook-path.ts';
import { writeCheckedFile } from './write-checked-file.ts';

/** Options of `HookContext.copy`. */
export interface CopyOptions {
  /** Permission bits. @default 0o600 */
  readonly mode?: number;
  /** Leaves a target alone that has this content already. A source that is a stream needs `sha256` for it. @default false */
  readonly skipIfUnchanged?: boolean;
  /** The hex SHA-256 of the source, when it is known. @default computed when it is needed */
  readonly sha256?: string;
}

/** Options of `HookContext.read`. */
export interface ReadOptions {
  /** A whole number; more is refused with `LIMIT_EXCEEDED`. @default 16 MiB */
  readonly maxBytes?: number;
}

/** Options of `HookContext.run`. */
export interface HookRunOptions extends RunOptions {
  /** Whether an exit code other than 0 is a result instead of an error. @default false */
  readonly allowFailure?: boolean;
}

/** Options of `HookContext.download`: those of host-core's `downloadFile`, a digest or `allowUnverified` among them. */
export type HookDownloadOptions = Omit<DownloadFileOptions, 'beneath' | 'path' | 'url'>;

/**
 * What a hook may do on the host.
 *
 * A link that is lost is waited for, as long as the session waits for it (`reconnectLimitMs`), and what may be done twice is done again:
 * reading, copying, downloading. A command is not, once it may have begun, nor is what takes a stream: then what the host throws
 * (`CONNECTION_LOST`) is the hook's to deal with, and `outlastLink` helps with what it knows to be repeatable.
 *
 * A path is absolute, below the home of the host's user (`~/x`), or relative to the workdir. A relative one must not leave the
 * workdir, neither by `..` (a `TypeError`) nor, once an agent has run, by a link (`PATH_REFUSED`).
 */
export interface HookContext {
  readonly host: Host;
  readonly sessionId: string;
  /** Absolute path on the host. */
  readonly workdir: string;
  /** Whether the session goes on with an agent that ran already. */
  readonly isAdopted: boolean;
  /** Variables for programs whose browser calls should end up where the agent's do. */
  readonly browserEnv: Readonly<Record<string, string>>;
  /** Aborted when the session ends before the hook, or the hook takes too long. */
  readonly abortSignal: AbortSignal;
  /** Emits a `progress` event. The percent is brought to 0 to 100; one that is no number is left out. */
  report(message: string, percent?: number): void;
  /** Writes a file, whole or not at all. Parents are made. Resolves with whether anything was written. */
  copy(source: CopySource, target: string, options?: CopyOptions): Promise<boolean>;
  /**
   * Has the host download a file, whole or not at all, with a `progress` event at the start and for each percent. Parents are
   * made. Throws as host-core's `downloadFile` does; `PATH_REFUSED` is a `HostError` here.
   */
  download(url: string, target: string, options: HookDownloadOptions): Promise<DownloadedFile>;
  /** Reads a regular file. Throws `NOT_FOUND` (a `HostError`), `PATH_REFUSED`, `LIMIT_EXCEEDED`. */
  read(path: string, options?: ReadOptions): Promise<Buffer>;
  /** Reads a regular file as UTF-8; invalid bytes become U+FFFD. Throws as `read` does. */
  readText(path: string, options?: ReadOptions): Promise<string>;
  /** Runs a command, in the workdir unless `cwd` says otherwise. A non-zero exit code is a `CommandFailedError`. */
  run(command: Command, options?: HookRunOptions): Promise<RunResult>;
  /** Says something to the agent. Resolves with whether it got through: never while it is not running. */
  sendToAgent(text: string): Promise<boolean>;
}

/** Options of `createHookContext`. */
export interface CreateHookContextOptions extends Pick<
  HookContext,
  'host' | 'sessionId' | 'workdir' | 'isAdopted' | 'browserEnv' | 'abortSignal' | 'sendToAgent'
> {
  readonly emit: (body: EventBody<AgentEvent>) => void;
  /** Milliseconds without a link after which the host's error is thrown. @default 300_000 */
  readonly reconnectLimitMs?: number | undefined;
}

const READ_LIMIT = 16 * 1024 * 1024;
const OPEN_MS = 30_000;

/** Creates what a hook is called with. */
export function createHookContext(options: CreateHookContextOptions): HookContext {
  const { emit, reconnectLimitMs: limitMs = 300_000, ...given } = options;
  const { host, workdir, abortSignal } = given;
  const outlast = async <Value>(
    run: () => Promise<Value>,
    { end = abortSignal, isPassing = isLinkFault }: { end?: AbortSignal; isPassing?: (error: unknown) => boolean } = {},
  ): Promise<Value> => outlastLink(run, { abortSignal: end, limitMs, isPassing });
  const resolve = async (path: string): Promise<{ readonly directory: string; readonly path: string }> =>
    resolveHookPath(path, { workdir, readHome: () => outlast(() => readHome(host, abortSignal)) });

  const read = async (path: string, { maxBytes = READ_LIMIT }: ReadOptions = {}): Promise<Buffer> => {
    // The host would take any other number for no limit.
    if (!(Number.isSafeInteger(maxBytes) && maxBytes >= 0)) {
      throw new TypeError(`maxBytes must be a whole number of bytes: got ${maxBytes}`);
    }
    const request = { ...(await resolve(path)), maxBytes, abortSignal, timeoutMs: OPEN_MS };
    const found = await outlast(() => checkFile(host, request));
    if (!found.isAccepted) {
      const why =
        found.refusal === 'outside-workdir'
          ? 'it leads out of the workdir'
          : describeRefusal(found.refusal, maxBytes, found.sizeBytes);
      const message = `Cannot read ${JSON.stringify(path)} on ${host.description}: ${why}`;
      if (found.refusal === 'not-found') throw new HostError('NOT_FOUND', message);
      throw new AgentSessionError(found.refusal === 'too-large' ? 'LIMIT_EXCEEDED' : 'PATH_REFUSED', message);
    }
    return Buffer.concat(await outlast(() => Array.fromAsync(readCheckedFile(host, request))));
  };

  /** A signal of the caller's own does not outlive the hook. */
  const withOwn = (own: AbortSignal | undefined): AbortSignal =>
    own === undefined ? abortSignal : AbortSignal.any([abortSignal, own]);

  return {
    ...given,
    report: (message, percent) =>
      emit({ type: 'progress', step: 'hook', message, ...(isNumber(percent) && { percent: clampPercent(percent) }) }),
    read,
    readText: async (path, readOptions) => (await read(path, readOptions)).toString('utf8'),
    copy: async (source, target, { mode = 0o600, skipIfUnchanged = false, sha256 } = {}) => {
      checkSource(source);
      const place = await resolve(target);
      const name = posix.basename(place.path);
      if (skipIfUnchanged) {
        const wanted = sha256 ?? (await hashSource(source));
        const found = await outlast(() => runHash(host, posix.join(place.directory, place.path), abortSignal));
        if (wanted === found) {
          emit({ type: 'progress', step: 'copy', message: `Already up to date: ${name}` });
          return false;
        }
      }
      emit({ type: 'progress', step: 'copy', message: `Copying ${name}` });
      const write = (): Promise<void> =>
        writeCheckedFile(host, { ...place, content: openSource(source), mode, abortSignal });
      await (isRepeatable(source) ? outlast(write) : write());
      return true;
    },
    download: async (url, target, { onProgress, abortSignal: own, ...downloadOptions }) => {
      const place = await resolve(target);
      const message = `Downloading ${posix.basename(place.path)}`;
      emit({ type: 'progress', step: 'download', message });
      let told = -1;
      const end = withOwn(own);
      const downloading: DownloadFileOptions = {
        ...downloadOptions,
        url,
        path: posix.join(place.directory, place.path),
        // What is above the workdir is trusted, the workdir itself is not: it may have become a link.
        ...(place.directory !== '/' && { beneath: posix.dirname(workdir) }),
        abortSignal: end,
        onProgress: (progress) => {
          const { sizeBytes, totalBytes } = progress;
          const part = totalBytes === undefined ? -1 : Math.floor((100 * sizeBytes) / Math.max(totalBytes, 1));
          const percent = Math.min(part, 100);
          if (percent > told) emit({ type: 'progress', step: 'download', message, percent });
          told = Math.max(told, percent);
          onProgress?.(progress);
        },
      };
      return outlast(() => downloadFile(host, downloading), { end });
    },
    run: (command, { allowFailure = false, abortSignal: own, ...runOptions } = {}) => {
      const end = withOwn(own);
      const all = { cwd: workdir, ...runOptions, abortSignal: end };
      const run = (): Promise<RunResult> => (allowFailure ? host.run(command, all) : runChecked(host, command, all));
      const { stdin = '' } = runOptions;
      const isRepeatable = typeof stdin === 'string' || stdin instanceof Uint8Array;
      return isRepeatable ? outlast(run, { end, isPassing: isUnreached }) : run();
    },
  };
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined && !Number.isNaN(value);
}

function clampPercent(percent: number): number {
  return Math.min(100, Math.max(0, percent));
}

/** The hex SHA-256 of a file on the host; `undefined` when it is missing or no tool can tell, so that it is copied. */
async function runHash(host: Host, path: string, abortSignal: AbortSignal): Promise<string | undefined> {
  const script = '[ -f "$1" ] || exit 0\nsha256sum -- "$1" 2>/dev/null || shasum -a 256 -- "$1" 2>/dev/null';
  const { stdout } = await host.run(['sh', '-c', script, 'sh', path], { abortSignal });
  return /^\\?([0-9a-f]{64})\s/.exec(stdout.toString('latin1'))?.[1];
}

async function readHome(host: Host, abortSignal: AbortSignal): Promise<string> {
  const { stdout } = await runChecked(host, ['sh', '-c', 'printf %s "$HOME"'], { abortSignal });
  const home = stdout.toString('utf8');
  if (!home.startsWith('/'))
    throw new AgentSessionError('PATH_REFUSED', `The user of ${host.description} has no home directory`);
  return home;
}
