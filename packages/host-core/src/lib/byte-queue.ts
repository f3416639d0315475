import type { Bytes } from './host.ts';

/** How a `ByteQueue` asks its source to wait and to go on. */
export interface ByteQueueOptions {
  /** Called when more is held than `highWaterMark`. */
  readonly onFull?: () => void;
  /** Called when the reader has taken enough of it, and when the rest is dropped. */
  readonly onDrain?: () => void;
  /** Bytes held before the source is asked to wait. @default 65536 */
  readonly highWaterMark?: number;
}

/**
 * Between a source that pushes bytes and one reader that pulls them, with back-pressure. A reader that stops early (`break`)
 * drops the rest: what comes after is thrown away, so that the source never waits for nobody.
 */
export interface ByteQueue {
  readonly bytes: Bytes;
  push(chunk: Uint8Array): void;
  /** Ends the reader's iteration after what was pushed. Later calls do nothing. */
  end(): void;
  /** Throws at the reader at once; what was not read yet is dropped. */
  fail(error: unknown): void;
}

/** Makes a `ByteQueue`. */
export function createByteQueue(options: ByteQueueOptions = {}): ByteQueue {
  const { onFull, onDrain, highWaterMark = 65_536 } = options;
  let chunks: Uint8Array[] = [];
  let held = 0;
  let state: 'open' | 'ended' | 'failed' | 'dropped' = 'open';
  let failure: unknown;
  let isFull = false;
  const waiting: (() => void)[] = [];

  const wake = (): void => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  const drain = (): void => {
    if (!isFull) return;
    isFull = false;
    onDrain?.();
  };
  const clear = (next: typeof state): void => {
    state = next;
    chunks = [];
    held = 0;
    drain();
    wake();
  };

  async function* read(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) {
        held -= chunk.byteLength;
        if (held < highWaterMark) drain();
        yield chunk;
      } else if (state === 'failed') {
        throw failure;
      } else if (state !== 'open') {
        return;
      } else {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    }
  }
  // One generator for all who ask: a second reader goes on where the first stopped, and nothing is read twice.
  const generator = read();

  return {
    bytes: {
      [Symbol.asyncIterator]: () => ({
        next: () => generator.next(),
        return: () => {
          // Before the generator hears of it: one that waits in `next()` would answer only after that.
          if (state === 'open' || state === 'ended') clear('dropped');
          return generator.return();
        },
      }),
    },
    push: (chunk) => {
      if (state !== 'open' || chunk.byteLength === 0) return;
      chunks.push(chunk);
      held += chunk.byteLength;
      if (held >= highWaterMark && !isFull) {
        isFull = true;
        onFull?.();
      }
      wake();
    },
    end: () => {
      if (state !== 'open') return;
      state = 'ended';
      wake();
    },
    fail: (error) => {
      if (state === 'dropped' || state === 'failed') return;
      failure = error;
      clear('failed');
    },
  };
}
