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
    try {
      yield* source;
    } catch (error) {
      failure = { error };
      throw error;
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
