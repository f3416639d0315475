import { randomInt } from 'node:crypto';

/** How often a fault campaign makes its fault, and the random moments it picks. */
export interface Campaign {
  /** The full count under `pnpm soak`, a short sample otherwise. */
  readonly rounds: number;
  /** What the random numbers start from; printed, and set again by `OPTIO_SEED`. */
  readonly seed: number;
  /** The next number of the sequence, at least 0 and below 1. */
  readonly random: () => number;
}

/** Options of `startCampaign`. */
export interface StartCampaignOptions {
  /** Rounds of an ordinary test run. */
  readonly sample: number;
  /** Rounds of `pnpm soak`: the count that the issue names. */
  readonly full: number;
}

/** Whether this is `pnpm soak`, which sets `OPTIO_SOAK`. */
export const isSoak: boolean = (process.env['OPTIO_SOAK'] ?? '') !== '';

/** Opens a fault campaign and prints its seed, so that a failure can be played again. */
export function startCampaign(name: string, options: StartCampaignOptions): Campaign {
  const given = process.env['OPTIO_SEED'];
  const seed = given === undefined ? randomInt(2 ** 31) : Number(given);
  const rounds = isSoak ? options.full : options.sample;
  process.stdout.write(`campaign ${name}: ${rounds} rounds, OPTIO_SEED=${seed}\n`);
  // Marsaglia's xorshift with the triple 13, 17, 5: the same sequence on every machine; 0 would stay 0.
  let state = seed === 0 ? 1 : seed;
  return {
    rounds,
    seed,
    random: () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) / 2 ** 32;
    },
  };
}
