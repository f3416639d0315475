import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import type { OpencodeSeeds } from '@optio-ts/opencode-seeds';
import { SeedEngineError } from '@optio-ts/seed-engine';
import type { Seed } from '@optio-ts/seed-engine';

import type { StartOpencodeSessionOptions } from './options.ts';

/** What a function that picks a seed knows. */
export interface PickSeedContext {
  readonly taskId: string;
  /** Of the session document. */
  readonly sessionId: string;
  /** What it picked before, and another session uses. Picked once more, a seed is waited for or refused, as `whenSeedBusy` says. */
  readonly busy: readonly string[];
  /** Lists opencode's seeds in the store, newest first. */
  readonly list: () => Promise<readonly Seed[]>;
  /** Aborted when the session ends meanwhile. */
  readonly abortSignal: AbortSignal;
}

/** Picks the seed of a fresh session from a pool; `undefined` for none. Throwing fails the session. */
export type PickSeed = (context: PickSeedContext) => string | undefined | Promise<string | undefined>;

/** What picking needs beside the caller's options. */
export interface SeedChoiceContext {
  readonly sessionId: string;
  readonly abortSignal: AbortSignal;
}

/** The seed that a fresh session is to start from; `undefined` for none. Throws `SEED_NOT_FOUND`. */
export async function chooseSeed(
  options: StartOpencodeSessionOptions,
  context: SeedChoiceContext,
  busy: readonly string[] = [],
): Promise<string | undefined> {
  const { seedId: given, taskId, store } = options;
  const seeds = sessionSeeds(options);
  const seedId =
    typeof given === 'function' ? await given({ ...context, taskId, busy, list: () => seeds.list() }) : given;
  if (seedId !== undefined && (await seeds.get(seedId)) === undefined) {
    throw new SeedEngineError('SEED_NOT_FOUND', `There is no seed ${seedId} in ${store.description}`);
  }
  return seedId;
}

/** The store's seeds, under the cipher that the session has for them. */
export function sessionSeeds({ store, cipher, seedCipher }: StartOpencodeSessionOptions): OpencodeSeeds {
  return opencodeSeeds({ store, cipher: seedCipher ?? cipher });
}
