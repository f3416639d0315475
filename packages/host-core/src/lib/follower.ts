import { createByteQueue } from './byte-queue.ts';
import { HostError } from './errors.ts';
import { createFrameReader } from './follow-frames.ts';
import type { FollowFrame } from './follow-frames.ts';
import { planLook } from './follow-plan.ts';
import type { LookWish } from './follow-plan.ts';
import { followScript } from './follow-script.ts';
import { overlapBytes } from './follow-state.ts';
import type { Host, HostProcess } from './host.ts';
import { shellScript } from './script.ts';
import { startTimer } from './start-timer.ts';

/** What a look has found. */
export type Found =
  | { readonly kind: 'nothing' | 'same' | 'shrunk' | 'lost' }
  | GrownFile
  | { readonly kind: 'exit'; readonly code: string; readonly isLease: boolean };

/** `length` bytes from `start` on of a file that now has `size`. */
export interface GrownFile {
  readonly kind: 'grown';
  readonly size: number;
  readonly start: number;
  readonly length: number;
  readonly chunks: readonly Uint8Array[];
}

/** One of those that a follower looks at. Whoever added it sets `wish`; the rest is the follower's. */
export interface FollowEntry {
  readonly id: number;
  /** The order that tells the script what it is; called right before the first look, and after `isIntroduced` was unset. */
  readonly introduce: (id: number) => string;
  readonly onFound: (found: Found) => void;
  /** The looking has ended. */
  readonly onFailure: (error: unknown) => void;
  /** It was given to another follower. */
  readonly onMove: (follower: Follower) => void;
  wish: LookWish | undefined;
  isIntroduced: boolean;
  /** When the last look was asked for, by `performance.now()`. */
  askedAt: number;
}

/** One command on a host that looks at any number of files and processes there. */
export interface Follower {
  /** It has ended, or is about to: no entry can be added any more. */
  readonly isOver: boolean;
  add(entry: FollowEntry): void;
  /** To be called when the wish of an entry has changed. */
  plan(): void;
  /** Resolves when nothing is left of it on the host. The command ends with its last entry. */
  remove(entry: FollowEntry): Promise<void>;
}

/** Options of `createFollower`. */
export interface CreateFollowerOptions {
  /** Half the milliseconds without a word after which a look counts as stuck. @default 15000 */
  readonly stuckMs?: number;
}

/** Most bytes of a frame. A file's next one is asked for when this one was taken: so much is held of each, and no more. */
const largestFrame = 256 * 1024;
/** Milliseconds for the command to end by itself when its input has ended. */
const endMs = 2000;

/**
 * Starts a follower. This side paces the looks, with one message for all that is due: docs/decisions/005.
 *
 * A look that never ends (a dead network mount, a pipe put in place of a file) must hold up its own file and no other: when
 * nothing is heard of one while the host answers otherwise, each entry gets a follower of its own.
 */
export function createFollower(host: Host, { stuckMs = 15_000 }: CreateFollowerOptions = {}): Follower {
  const orders = createByteQueue();
  const starting = new AbortController();
  const entries = new Map<number, FollowEntry>();
  const coming = new Map<number, ComingFrame>();
  /** Who was asked after and has not been answered; `undefined` when no look is under way. */
  let asked: Set<FollowEntry> | undefined;
  let lastAsked = '';
  let forgotten = '';
  let isReady = false;
  let isOver = false;
  let hasHeard = true;
  let timer: NodeJS.Timeout | undefined;
  let stopWatchdog = (): void => undefined;

  const plan = (): void => {
    clearTimeout(timer);
    if (isOver || !isReady || asked !== undefined) return;
    const { waitMs } = planLook(wishes(), performance.now());
    // Not at once: others may be about to ask as well.
    if (waitMs < Infinity) timer = setTimeout(ask, Math.max(0, waitMs));
  };
  const wishes = (): (readonly [number, LookWish | undefined])[] =>
    [...entries.values()].map(({ id, wish }) => [id, wish] as const);

  const ask = (): void => {
    const now = performance.now();
    const { ids } = planLook(wishes(), now);
    if (ids.length === 0) return plan();
    asked = new Set();
    let text = forgotten;
    forgotten = '';
    for (const id of ids) {
      const entry = entries.get(id) as FollowEntry;
      if (!entry.isIntroduced) text += entry.introduce(id);
      Object.assign(entry, { isIntroduced: true, wish: undefined, askedAt: now });
      asked.add(entry);
    }
    const words = ids.join(' ');
    orders.push(Buffer.from(`${text}${words === lastAsked ? 'l' : `l ${words}`}\n`));
    lastAsked = words;
    hasHeard = true;
    if (entries.size > 1) watchOver();
  };

  const watchOver = (): void => {
    stopWatchdog = startTimer(stuckMs, () => {
      if (!hasHeard) return void part();
      hasHeard = false;
      watchOver();
    });
  };
  const part = async (): Promise<void> => {
    // What says nothing because the link is dead is none of the files' fault.
    const doesAnswer = await host.run(['true'], { timeoutMs: stuckMs }).then(
      () => true,
      () => false,
    );
    if (isOver || asked === undefined) return;
    if (hasHeard || !doesAnswer) return watchOver();
    const left = [...entries.values()];
    entries.clear();
    const ended = end(0);
    for (const entry of left) {
      const isWaiting = asked.has(entry);
      Object.assign(entry, { isIntroduced: false, ...(isWaiting && { wish: { earliestAt: 0, dueAt: 0 } }) });
      const own = createFollower(host, { stuckMs });
      entry.onMove(own);
      own.add(entry);
    }
    await ended;
  };

  const answer = (entry: FollowEntry, found: Found): void => {
    if (asked?.delete(entry) === true) entry.onFound(found);
  };
  const take = (frame: FollowFrame): void => {
    if (frame.kind === 'end') {
      for (const entry of asked ?? []) answer(entry, { kind: 'nothing' });
      asked = undefined;
      stopWatchdog();
      return plan();
    }
    const { id } = frame;
    // Who has left meanwhile may still be answered.
    const entry = entries.get(id);
    if (entry === undefined) return void coming.delete(id);
    if (frame.kind === 'begin') coming.set(id, { ...frame, chunks: [], left: frame.length });
    else if (frame.kind !== 'bytes') return answer(entry, frame);
    const whole = coming.get(id);
    if (whole === undefined) return;
    if (frame.kind === 'bytes') {
      whole.chunks.push(frame.bytes);
      whole.left -= frame.bytes.byteLength;
    }
    if (whole.left > 0) return;
    coming.delete(id);
    const { size, start, length, chunks } = whole;
    answer(entry, { kind: 'grown', size, start, length, chunks });
  };

  const close = (): void => {
    isOver = true;
    clearTimeout(timer);
    stopWatchdog();
    orders.end();
  };
  const end = async (graceMs = endMs): Promise<void> => {
    close();
    if (!isReady) starting.abort();
    const process = await started.catch(() => undefined);
    if (process !== undefined) await endProcess(process, graceMs);
  };
  const fail = (error: unknown): void => {
    if (isOver) return;
    close();
    for (const entry of entries.values()) entry.onFailure(error);
  };

  const script = shellScript(followScript, String(overlapBytes), String(largestFrame));
  const started = host.spawn(script, { stdin: orders.bytes, abortSignal: starting.signal });
  const read = async (): Promise<never> => {
    const process = await started;
    isReady = true;
    plan();
    const takeApart = createFrameReader(largestFrame);
    for await (const chunk of process.stdout) {
      hasHeard = true;
      for (const frame of takeApart(chunk)) take(frame);
    }
    await process.exited;
    throw new HostError('CONNECTION_LOST', `Following files was cut off: its command on ${host.description} has ended`);
  };
  read().catch(fail);

  return {
    get isOver() {
      return isOver;
    },
    add: (entry) => {
      entries.set(entry.id, entry);
      plan();
    },
    plan,
    remove: async (entry) => {
      if (!entries.delete(entry.id) || isOver) return;
      asked?.delete(entry);
      if (entries.size === 0) return end();
      if (entry.isIntroduced) forgotten += `d ${entry.id}\n`;
    },
  };
}

/** A frame whose bytes have not all come yet. */
interface ComingFrame {
  readonly size: number;
  readonly start: number;
  readonly length: number;
  readonly chunks: Uint8Array[];
  left: number;
}

async function endProcess(process: HostProcess, graceMs: number): Promise<void> {
  const { promise: isGone, resolve } = Promise.withResolvers<boolean>();
  const stopTimer = startTimer(graceMs, () => resolve(false));
  const settle = (): void => resolve(true);
  process.exited.then(settle, settle);
  const hasEnded = await isGone;
  stopTimer();
  // What cannot be ended because the link is lost ends by itself: its input has ended.
  if (!hasEnded) await process.kill({ graceMs: 0 }).catch(() => undefined);
}
