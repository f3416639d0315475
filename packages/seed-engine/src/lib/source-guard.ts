import type { Bytes } from '@optio-ts/host-core';

/** A stream that remembers what it threw, so that a cipher's own failure can be told from one of its source. */
export interface GuardedSource {
  readonly content: Bytes;
  /** What the source threw, in a box: it may be `undefined`. */
  readonly failure: { readonly error: unknown } | undefined;
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
  return {
    content: watch(),
    get failure() {
      return failure;
    },
  };
}
