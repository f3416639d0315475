import { isAbsolute } from 'node:path/posix';
import { setImmediate } from 'node:timers/promises';

import { createLastPass } from './follow-last-pass.ts';
import { createSilence } from './follow-silence.ts';
import type { FollowInterruption, FollowRewriting } from './follow-silence.ts';
import { createFollowState } from './follow-state.ts';
import type { FollowedLine, FollowState } from './follow-state.ts';
import type { GrownFile } from './follower.ts';
import type { Host } from './host.ts';
import { locate } from './path-info.ts';
import { createWake } from './wake.ts';
import { watch } from './watch.ts';
import type { Look, Watched } from './watch.ts';

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
  /**
   * The `fingerprint` of that line: a file that was replaced meanwhile is then read from its start, as the next generation.
   * @default none: what is there now before `offset` counts as what was read
   */
  readonly fingerprint?: string | undefined;
  /** Bytes kept of a line; the rest of a longer one is read and dropped. @default 65536 */
  readonly maxLineBytes?: number;
  /** Milliseconds between two looks at the file; three times as many when nothing has happened for half a minute. @default 100 */
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
  /**
   * Resolves with whether to try again, after a pause of its own. What was read stays known meanwhile, so that a file which is
   * replaced while the link is lost loses and doubles nothing either. Not called once `abortSignal` is aborted.
   * @default the iteration ends with the error
   */
  readonly onInterruption?: (interruption: FollowInterruption) => Promise<boolean>;
  /** Told before the lines of another generation come. */
  readonly onRewritten?: (rewriting: FollowRewriting) => void;
}

/** Milliseconds without news after which the pauses get longer. */
const quietMs = 30_000;

/**
 * Follows a growing file line by line, from a byte offset, also when it does not exist yet. One long-lived command on the
 * host serves all files that are followed over the same host object; lines arrive about `pollMs` after they were written. Of
 * a file whose reader is slow at most 256 KiB are held, and no other reader waits for it.
 *
 * A file that is cut, replaced or rewritten loses and doubles nothing: when it still begins with all that was read, only
 * what comes after is delivered; otherwise a new generation begins, without the lines that it has in common with the former
 * one from its start on. (Compared are the last 4 KiB that were read. For the common lines an `offset` above 1 MiB to begin
 * with is taken as it is, and at most 262144 lines are known.) What nobody can see are lines that are gone again before the
 * next look, and a second version of the same length within one tick of the host's clock, a few milliseconds.
 *
 * Throws what `Host.spawn` throws; of a lost link `onInterruption` is told first. Whoever begins again instead, goes on from
 * `nextOffset`, `generation` and `fingerprint` of the last line. The command on the host ends with the last iteration, and by
 * itself when the link to it is lost.
 */
export function followLines(file: GrowingFile, options: FollowOptions = {}): AsyncGenerator<FollowedLine, void, void> {
  const { offset = 0, generation = 0, fingerprint, maxLineBytes = 65_536 } = options;
  if (!isAbsolute(file.path) || file.path.endsWith('/') || /[\n\0]/.test(file.path)) {
    throw new TypeError(`Not the absolute path of a file: ${JSON.stringify(file.path)}`);
  }
  for (const value of [offset, generation, maxLineBytes]) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError('Offsets and limits must be whole numbers');
  }
  if (fingerprint !== undefined && !/^(?:all|end)-[0-9a-f]{8}$/.test(fingerprint)) {
    throw new TypeError(`Not the fingerprint of a followed line: ${JSON.stringify(fingerprint)}`);
  }
  // Now, and not when the first line is asked for.
  locate(file.path, file);
  return follow(file, createFollowState({ offset, generation, fingerprint, maxLineBytes }), options);
}

async function* follow(
  file: GrowingFile,
  state: FollowState,
  { abortSignal, until, pollMs = 100, partialLineMs = 1000, onInterruption, onRewritten }: FollowOptions,
): AsyncGenerator<FollowedLine, void, void> {
  const wake = createWake();
  let watched: Watched | undefined;
  let overAt: number | undefined;
  const finish = (): void => {
    overAt = performance.now();
    watched?.hurry();
  };
  until?.then(finish, finish);
  abortSignal?.addEventListener('abort', wake.call);
  const isAborted = (): boolean => abortSignal?.aborted === true;
  const introduce = (id: number): string =>
    `f ${id} ${state.request().offset}\n${locate(file.path, file).join('\n')}\n`;
  const begin = (): Watched => {
    const begun = watch(file.host, { introduce, onLook: wake.call });
    begun.request(0);
    return begun;
  };
  const silence = createSilence();
  /** Whether to go on without what has failed. */
  const isPatient = async (error: unknown): Promise<boolean> =>
    onInterruption !== undefined && !isAborted() && (await onInterruption(silence.interrupt(error))) && !isAborted();
  try {
    // So that an `until` which has settled already is seen.
    await setImmediate();
    if (isAborted()) return;
    watched = begin();
    const lastPass = createLastPass();
    let newsAt = performance.now();
    // A partial line may be filled with zeros of a file that has just been cut, until a second look has found it as it was.
    let confirmedAt: number | undefined;
    for (;;) {
      let look: Look | undefined;
      try {
        look = watched.take();
      } catch (error) {
        if (!(await isPatient(error))) {
          if (isAborted()) return;
          throw error;
        }
        confirmedAt = undefined;
        watched = begin();
      }
      if (isAborted()) return;
      if (look === undefined) {
        await wake.called();
        continue;
      }
      const { found, askedAt } = look;
      if (found.kind !== 'nothing') newsAt = performance.now();
      if (found.kind === 'same') confirmedAt = performance.now();
      if (found.kind === 'grown') confirmedAt = undefined;
      const isWhole = found.kind === 'grown' ? yield* deliver(found, state, isAborted) : found.kind !== 'shrunk';
      if (isAborted()) return;
      if (!isWhole) {
        const generation = state.restart();
        watched.restart();
        onRewritten?.({ generation, wasUnwatched: silence.wasUnwatched });
      }
      silence.hear(found, isWhole);
      const isPaused = confirmedAt !== undefined && performance.now() - confirmedAt >= partialLineMs;
      const isLast = overAt !== undefined && askedAt >= overAt && lastPass.endsWith(found, isWhole);
      if (isPaused || isLast) {
        const line = state.flush();
        if (line !== undefined) yield line;
      }
      if (isLast) return;
      const isUrgent =
        overAt !== undefined || !isWhole || (found.kind === 'grown' && found.start + found.length < found.size);
      watched.request(isUrgent ? 0 : Math.max(10, performance.now() - newsAt < quietMs ? pollMs : pollMs * 3));
    }
  } finally {
    abortSignal?.removeEventListener('abort', wake.call);
    await watched?.close();
  }
}

/**
 * Takes a frame. Returns whether the file is still the one that was read.
 *
 * @yields its lines
 */
async function* deliver(
  { size, start, chunks }: GrownFile,
  state: FollowState,
  isAborted: () => boolean,
): AsyncGenerator<FollowedLine, boolean, void> {
  if (state.beginFrame(size, start) === 'rewritten') return false;
  for (const chunk of chunks) {
    const lines = state.push(chunk);
    if (lines === 'rewritten') return false;
    yield* lines;
    if (isAborted()) break;
  }
  return true;
}
