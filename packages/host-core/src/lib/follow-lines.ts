import { isAbsolute } from 'node:path/posix';
import { setImmediate } from 'node:timers/promises';

import { HostError } from './errors.ts';
import { createFrameReader } from './follow-frames.ts';
import { followScript } from './follow-script.ts';
import { createFollowState } from './follow-state.ts';
import type { FollowedLine, FollowState } from './follow-state.ts';
import type { Host, HostProcess } from './host.ts';
import { locate } from './path-info.ts';
import { shellScript } from './script.ts';

/** A file of a host that somebody appends to. */
export interface GrowingFile {
  readonly host: Host;
  /** Absolute. A link in place of the file itself is never followed. */
  readonly path: string;
  /**
   * A directory that is trusted, at or above the file's: between it and the file no symbolic link is followed, and what lies
   * behind one counts as a file that does not exist yet.
   * @default the file's directory is trusted, as it is found first; later no link in its place is followed
   */
  readonly beneath?: string;
}

/** Options of `followLines`. */
export interface FollowOptions {
  /** Where to begin: `nextOffset` of the last line that was taken before. @default 0 */
  readonly offset?: number;
  /** The generation that `offset` belongs to. @default 0 */
  readonly generation?: number;
  /** Bytes kept of a line; the rest of a longer one is read and dropped. @default 65536 */
  readonly maxLineBytes?: number;
  /** Milliseconds between two looks at the file; three times as many when nothing has happened for long. @default 100 */
  readonly pollMs?: number;
  /**
   * Milliseconds after which a last line without a line break counts as one. What is appended to it later is a line of its
   * own; a line break that is appended is none.
   * @default 1000
   */
  readonly partialLineMs?: number;
  /** Ends the iteration, without an error. */
  readonly abortSignal?: AbortSignal;
  /** When this settles, the rest of the file is read, a last line without a line break too, and the iteration ends. */
  readonly until?: Promise<unknown>;
}

const largestFrame = 8 * 1024 * 1024;

/**
 * Follows a growing file line by line, from a byte offset, also when it does not exist yet. One long-lived command on the
 * host; lines arrive about `pollMs` after they were written, and a slow reader holds the command up instead of memory.
 *
 * A file that is cut, replaced or rewritten loses and doubles nothing: when it still begins with all that was read, only
 * what comes after is delivered; otherwise a new generation begins, without the lines that it has in common with the former
 * one from its start on. (Compared are the last 4 KiB that were read. For the common lines an `offset` above 1 MiB to begin
 * with is taken as it is, and at most 262144 lines are known.)
 *
 * Throws what `Host.spawn` throws; after `CONNECTION_LOST`, go on from `nextOffset` and `generation` of the last line. The
 * command on the host ends with the iteration, and by itself when the link to it is lost.
 */
export function followLines(file: GrowingFile, options: FollowOptions = {}): AsyncGenerator<FollowedLine, void, void> {
  const { offset = 0, generation = 0, maxLineBytes = 65_536 } = options;
  if (!isAbsolute(file.path) || file.path.endsWith('/') || /[\n\0]/.test(file.path)) {
    throw new TypeError(`Not the absolute path of a file: ${JSON.stringify(file.path)}`);
  }
  for (const value of [offset, generation, maxLineBytes]) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError('Offsets and limits must be whole numbers');
  }
  // Now, and not when the first line is asked for.
  locate(file.path, file);
  return follow(file, createFollowState({ offset, generation, maxLineBytes }), options);
}

async function* follow(
  file: GrowingFile,
  state: FollowState,
  { abortSignal, until, pollMs = 100, partialLineMs = 1000 }: FollowOptions,
): AsyncGenerator<FollowedLine, void, void> {
  const wake = createWake();
  let isOver = false;
  const finish = (): void => {
    isOver = true;
    wake.call();
  };
  until?.then(finish, finish);
  abortSignal?.addEventListener('abort', wake.call);
  try {
    // So that an `until` which has settled already is seen.
    await setImmediate();
    for (;;) {
      if (abortSignal?.aborted === true) return;
      const mode = isOver ? 'once' : 'follow';
      const process = await file.host.spawn(command(file, state, mode, pollMs));
      let end: ReadEnd = 'stopped';
      try {
        const isStopped = (): boolean => abortSignal?.aborted === true || (mode === 'follow' && isOver);
        end = yield* read(process, state, wake, isStopped, partialLineMs);
      } finally {
        // What cannot be ended because the link is lost ends by itself: it finds nobody who reads.
        if (end !== 'end') await process.kill({ graceMs: 0 }).catch(() => undefined);
      }
      if (end === 'rewritten') state.restart();
      if (end === 'end') {
        const last = state.flush();
        if (last !== undefined) yield last;
        return;
      }
    }
  } finally {
    abortSignal?.removeEventListener('abort', wake.call);
  }
}

/** `end`: all was read, the command has ended by itself. `rewritten`: the file is another. `stopped`: as was asked for. */
type ReadEnd = 'end' | 'rewritten' | 'stopped';

async function* read(
  process: HostProcess,
  state: FollowState,
  wake: Wake,
  isStopped: () => boolean,
  partialLineMs: number,
): AsyncGenerator<FollowedLine, ReadEnd, void> {
  const takeApart = createFrameReader();
  const chunks = process.stdout[Symbol.asyncIterator]();
  // A partial line may be filled with zeros of a file that has just been cut, until a second look has found it as it was.
  let isConfirmed = false;
  for (;;) {
    const next = watch(chunks.next(), wake);
    let isPaused = false;
    const pause = (): void => {
      isPaused = true;
      wake.call();
    };
    while (!next.hasSettled) {
      const timer = isConfirmed && state.hasPartialLine ? setTimeout(pause, partialLineMs) : undefined;
      await wake.called();
      clearTimeout(timer);
      if (isStopped()) return 'stopped';
      if (!isPaused) continue;
      isPaused = false;
      const line = state.flush();
      if (line !== undefined) yield line;
    }
    if (isStopped()) return 'stopped';
    const { done, value } = await next.promise;
    if (done === true) {
      await process.exited;
      throw new HostError('CONNECTION_LOST', 'Following a file was cut off: its command on the host has ended');
    }
    for (const frame of takeApart(value)) {
      if (frame.kind === 'end') return 'end';
      if (frame.kind === 'shrunk') return 'rewritten';
      isConfirmed = frame.kind === 'same' || (isConfirmed && frame.kind === 'alive');
      if (frame.kind === 'begin' && state.beginFrame(frame.size, frame.start) === 'rewritten') return 'rewritten';
      if (frame.kind !== 'bytes') continue;
      const lines = state.push(frame.bytes);
      if (lines === 'rewritten') return 'rewritten';
      yield* lines;
    }
  }
}

function command(file: GrowingFile, state: FollowState, mode: 'follow' | 'once', pollMs: number): readonly string[] {
  const { offset, overlap } = state.request();
  const [directory, name, beneath] = locate(file.path, file);
  const nap = (milliseconds: number): string => (Math.max(10, milliseconds) / 1000).toFixed(3);
  return shellScript(
    followScript,
    directory,
    name,
    String(offset),
    String(overlap),
    nap(pollMs),
    nap(pollMs * 3),
    mode,
    String(largestFrame),
    beneath,
  );
}

/** Something that happened, for one that waits. Racing promises that live long would keep every race in memory. */
interface Wake {
  readonly call: () => void;
  /** Resolves at the next call, at once when there was one since the last time. */
  called(): Promise<void>;
}

function createWake(): Wake {
  let wasCalled = false;
  let resume: (() => void) | undefined;
  return {
    call: () => {
      wasCalled = true;
      resume?.();
    },
    called: async () => {
      if (!wasCalled) await new Promise<void>((resolve) => (resume = resolve));
      resume = undefined;
      wasCalled = false;
    },
  };
}

interface Watched<Value> {
  readonly hasSettled: boolean;
  readonly promise: Promise<Value>;
}

function watch<Value>(promise: Promise<Value>, wake: Wake): Watched<Value> {
  let hasSettled = false;
  const settle = (): void => {
    hasSettled = true;
    wake.call();
  };
  promise.then(settle, settle);
  return {
    get hasSettled() {
      return hasSettled;
    },
    promise,
  };
}
