import type { Bytes } from '@optio-ts/host-core';

/** A stream that remembers what it threw, so that a cipher's own failure can be told from one of its source. */
export interface GuardedSource {
  readonly content: Bytes;
  /** What the source threw, in a box: it may be `undefined`. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Tells the source to stop. Only for whoever does not read it to its end, and not while it is being read. */
  close(): Promise<void>;
}

/** Watches a stream. */
export function guardSource(source: Bytes): GuardedSource {
  let failure: { readonly error: unknown } | undefined;
  async function* watch(): AsyncGenerator<Uint8Array> {
    const iterator = source[Symbol.asyncIterator]();
    let isEnded = false;
    try {
      for (;;) {
        // Only what the source throws: a stream that fails behind it throws its own error in at the `yield`.
        const next = await iterator.next().catch((error: unknown) => {
          isEnded = true;
          failure = { error };
          throw error;
        });
        isEnded = next.done === true;
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      if (!isEnded) await iterator.return?.();
    }
  }
  const content = watch();
  return {
    content,
    async close() {
      await content.return(undefined);
    },
    get failure() {
      return failure;
    },
  };
}
