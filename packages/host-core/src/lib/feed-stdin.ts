import { once } from 'node:events';
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
  const stopped = Promise.withResolvers<'stopped'>();
  const stop = (): void => stopped.resolve('stopped');
  // Every error of this stream means the same: nobody reads any more.
  target.on('error', stop);
  target.on('close', stop);

  if (source === undefined || typeof source === 'string' || source instanceof Uint8Array) {
    if (source === undefined || source.length === 0) target.end(stop);
    else target.end(source, stop);
    return { done: stopped.promise.then(() => undefined), stop };
  }
  return { done: pump(source, target, stopped.promise), stop };
}

async function pump(
  source: AsyncIterable<Uint8Array>,
  target: Writable,
  stopped: Promise<'stopped'>,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let isExhausted = false;
  try {
    for (;;) {
      const pulled = iterator.next();
      const step = await Promise.race([pulled, stopped]);
      if (step === 'stopped') {
        // The source may still answer, or fail, with nobody left to tell.
        pulled.catch(() => undefined);
        return;
      }
      if (step.done === true) {
        isExhausted = true;
        target.end();
        return;
      }
      if (!(step.value instanceof Uint8Array)) throw new TypeError('stdin must yield Uint8Array');
      if (
        !target.write(step.value) &&
        (await Promise.race([drained(target), stopped])) === 'stopped'
      )
        return;
    }
  } catch (error) {
    isExhausted = true;
    throw error;
  } finally {
    // Not awaited: a generator that waits for something else closes only after that.
    if (!isExhausted) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

async function drained(target: Writable): Promise<void> {
  // `close` and `error` resolve the other side of the race; `once` rejecting on `error` is then of no interest.
  await once(target, 'drain').catch(() => undefined);
}
