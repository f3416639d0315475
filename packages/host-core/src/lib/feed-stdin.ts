import type { Writable } from 'node:stream';

import type { StdinSource } from './host.ts';

/** A source that is being written to a command. */
export interface StdinFeed {
  /**
   * Settles when the source is at its end or the command no longer reads. Rejects with the source's own error. Settles at
   * once after `stop()`, whatever the source is doing.
   */
  readonly done: Promise<void>;
  /** Stops reading the source and closes it. Idempotent. */
  stop(): void;
}

/**
 * Writes a source to a command's standard input, with back-pressure, and ends it. A command that does not read its input to
 * the end (`EPIPE`) is none of the writer's business: it may not need it.
 */
export function feedStdin(source: StdinSource | undefined, target: Writable): StdinFeed {
  const stopper = createStopper();
  // Every error of this stream means the same: nobody reads any more.
  target.on('error', stopper.stop);
  target.on('close', stopper.stop);
  const stop = (): void => stopper.stop();

  if (source === undefined || typeof source === 'string' || source instanceof Uint8Array) {
    const written = new Promise<void>((resolve) => {
      if (source === undefined || source.length === 0) target.end(() => resolve());
      else target.end(source, () => resolve());
    });
    return { done: stopper.orStopped(written).then(() => undefined), stop };
  }
  return { done: pump(source, target, stopper), stop };
}

const stopped = Symbol('stopped');

/** Something that one waiter at a time can be woken by. */
interface Stopper {
  readonly stop: () => void;
  /**
   * Waits for a promise, but no longer than until `stop`. Not `Promise.race` with one that lives as long as the command: that
   * would keep every chunk that ever was in such a race in memory.
   */
  readonly orStopped: <T>(promise: Promise<T>) => Promise<T | typeof stopped>;
}

function createStopper(): Stopper {
  let isStopped = false;
  let wake: (() => void) | undefined;
  return {
    stop: () => {
      isStopped = true;
      wake?.();
    },
    orStopped: (promise) =>
      new Promise((resolve, reject) => {
        const mine = (): void => resolve(stopped);
        const forget = (): void => {
          if (wake === mine) wake = undefined;
        };
        wake = mine;
        if (isStopped) mine();
        // What it brings after a stop, an error too, finds nobody to be told to.
        promise.then(
          (value) => {
            forget();
            resolve(value);
          },
          (error: unknown) => {
            forget();
            reject(error as Error);
          },
        );
      }),
  };
}

async function pump(source: AsyncIterable<Uint8Array>, target: Writable, stopper: Stopper): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let isExhausted = false;
  try {
    for (;;) {
      const step = await stopper.orStopped(Promise.resolve(iterator.next()));
      if (step === stopped) return;
      if (step.done === true) {
        isExhausted = true;
        target.end();
        return;
      }
      if (!(step.value instanceof Uint8Array)) throw new TypeError('stdin must yield Uint8Array');
      if (!target.write(step.value) && (await stopper.orStopped(drained(target))) === stopped) return;
    }
  } finally {
    // Not awaited: a generator that waits for something else closes only after that.
    if (!isExhausted) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

function drained(target: Writable): Promise<void> {
  return new Promise((resolve) => {
    target.once('drain', resolve);
  });
}
