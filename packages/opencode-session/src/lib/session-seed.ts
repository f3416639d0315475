import type { Workspace } from '@optio-ts/host-core';
import type { OpencodeSeedUse, PlantedOpencodeSeed } from '@optio-ts/opencode-seeds';
import { SeedEngineError } from '@optio-ts/seed-engine';

import { acrossLink } from './across-link.ts';
import { messageOf } from './errors.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { chooseSeed, sessionSeeds } from './pick-seed.ts';
import type { SessionEmit } from './session-emit.ts';

/** The seed that a session has its login from. */
export interface SessionSeed {
  readonly seedId: string;
  /** `undefined` for a session that was resumed. */
  readonly planted: PlantedOpencodeSeed | undefined;
  /**
   * Brings a login that the agent has rotated back into the seed. Resolves with whether the seed has what the home has, as far as
   * that can be; what went wrong is told.
   */
  writeBack(options?: { readonly abortSignal?: AbortSignal }): Promise<boolean>;
  /** Gives the seed to the next session. What went wrong is told: its lease ends by itself. Idempotent. */
  release(): Promise<void>;
}

/** What taking a seed needs beside the caller's options. */
export interface TakeSeedContext {
  readonly seedId: string;
  /** The home has come back from a snapshot, with a login of its own. */
  readonly isResumed: boolean;
  /** A worker that died had taken it for this very session: nothing is planted, and another's use since ends it. @default false */
  readonly isAdopted?: boolean;
  readonly sessionId: string;
  readonly workspace: Workspace;
  readonly emit: SessionEmit;
  readonly onSeed: (seed: SessionSeed) => void;
  readonly abortSignal: AbortSignal;
}

/**
 * Puts the login of the seed that was picked for a fresh session into the home. Where a function picks and another session has the
 * seed, it is asked again, until it picks one that is free, or one a second time.
 */
export async function takePickedSeed(
  options: StartOpencodeSessionOptions,
  context: Omit<TakeSeedContext, 'isResumed'>,
): Promise<SessionSeed | undefined> {
  const busy: string[] = [];
  let { seedId } = context;
  for (;;) {
    const isLast = typeof options.seedId !== 'function' || busy.includes(seedId);
    const rule = isLast ? options : { ...options, whenSeedBusy: 'refuse' as const };
    try {
      return await takeSeed(rule, { ...context, seedId, isResumed: false });
    } catch (error) {
      if (isLast || !SeedEngineError.is(error) || error.code !== 'SEED_IN_USE') throw error;
      busy.push(seedId);
      const next = await chooseSeed(options, context, busy);
      if (next === undefined) throw error;
      seedId = next;
    }
  }
}

/** Puts a seed's login into the home, once it is free. `undefined` when a resumed session's seed is gone: it has its own login. */
export async function takeSeed(
  options: StartOpencodeSessionOptions,
  { seedId, isResumed, isAdopted = false, sessionId, workspace, emit, onSeed, abortSignal }: TakeSeedContext,
): Promise<SessionSeed | undefined> {
  const { host, whenSeedBusy } = options;
  const warn = (code: string, message: string): void => emit({ type: 'warning', code, message });
  let use: OpencodeSeedUse;
  try {
    const seeds = sessionSeeds(options);
    const take = (): Promise<OpencodeSeedUse> =>
      seeds.use({
        host,
        seedId,
        isResumed,
        isAdopted,
        abortSignal,
        home: workspace.home,
        beneath: workspace.taskDirectory,
        holder: sessionId,
        ...(whenSeedBusy && { whenBusy: whenSeedBusy }),
        onWaiting: ({ holder }) => {
          const message = `Waiting for seed ${seedId}: session ${holder} uses it, and its login rotates`;
          emit({ type: 'progress', step: 'seed', message });
        },
        onFailure: (error) =>
          warn('SEED_LEASE_NOT_RENEWED', `The lease of seed ${seedId} was not renewed: ${messageOf(error)}`),
      });
    use = await acrossLink({ emit, abortSignal }, take);
  } catch (error) {
    const isGone = SeedEngineError.is(error) && error.code === 'SEED_NOT_FOUND';
    if (isAdopted) {
      warn('LOGIN_NOT_WRITTEN_BACK', `Seed ${seedId} will not get the login of this session: ${messageOf(error)}`);
      return { seedId, planted: undefined, writeBack: async () => false, release: async () => undefined };
    }
    if (!isResumed || !isGone) throw error;
    warn('SEED_GONE', `Seed ${seedId} is gone: the session goes on with the login of its snapshot`);
    return undefined;
  }
  const { lost, planted } = use;
  const onLost = (): void => warn('SEED_LEASE_LOST', messageOf(lost.reason));
  lost.addEventListener('abort', onLost, { once: true });

  const seed: SessionSeed = {
    seedId,
    planted,
    async writeBack(signal) {
      try {
        if (await use.writeBack(signal)) emit({ type: 'seed-updated', seedId });
        return true;
      } catch (error) {
        warn('LOGIN_NOT_WRITTEN_BACK', `The login that changed was not kept in seed ${seedId}: ${messageOf(error)}`);
        return false;
      }
    },
    async release() {
      lost.removeEventListener('abort', onLost);
      try {
        await use.release();
      } catch (error) {
        warn('SEED_NOT_RELEASED', `Seed ${seedId} is not free before its lease ends: ${messageOf(error)}`);
      }
    },
  };
  onSeed(seed);
  return seed;
}
