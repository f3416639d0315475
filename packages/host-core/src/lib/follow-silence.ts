import type { Found } from './follower.ts';

/** Nobody can look at a followed file. */
export interface FollowInterruption {
  /** What `Host.spawn` or its process threw. */
  readonly error: unknown;
  /** How often in a row, without a look in between. */
  readonly failures: number;
  /** Milliseconds since the last look that was answered, or since the beginning. */
  readonly silentMs: number;
}

/** A followed file is not the one any more that was read. */
export interface FollowRewriting {
  /** Of the lines that come now. */
  readonly generation: number;
  /**
   * Nobody looked for a while: it happened before the first look, or while there was no link. Lines that were written after the
   * last look and were gone before this one have not been read, and nobody can say whether there were any.
   */
  readonly wasUnwatched: boolean;
}

/** What is known of a time in which nobody looked. */
export interface FollowSilence {
  /** Since the file was seen to its end for the last time, it was out of reach, or never seen before. */
  readonly wasUnwatched: boolean;
  /** A look was answered. `isWhole`: the file is still the one that was read. */
  hear(found: Found, isWhole: boolean): void;
  /** Looking has failed. */
  interrupt(error: unknown): FollowInterruption;
}

/** Makes a `FollowSilence`. */
export function createSilence(): FollowSilence {
  let heardAt = performance.now();
  let failures = 0;
  let wasUnwatched = true;
  return {
    get wasUnwatched() {
      return wasUnwatched;
    },
    hear: (found, isWhole) => {
      heardAt = performance.now();
      failures = 0;
      const isMoreThere = found.kind === 'grown' && found.start + found.length < found.size;
      if (!isWhole || !isMoreThere) wasUnwatched = false;
    },
    interrupt: (error) => {
      failures += 1;
      wasUnwatched = true;
      return { error, failures, silentMs: performance.now() - heardAt };
    },
  };
}
