import type { CapturedOpencodeSeed } from '@optio-ts/opencode-seeds';

import type { StartOpencodeSessionOptions } from './options.ts';
import { sessionSeeds } from './pick-seed.ts';
import type { PreparedSession } from './prepare-session.ts';

/** What is known of the session whose login is kept. */
export interface KeepSeedContext {
  readonly prepared: PreparedSession;
  /** The model that answered last, `provider/model`. */
  readonly model: string | undefined;
  readonly label: string | undefined;
  /** Of the session: a session keeps one seed, whoever ends it. */
  readonly id: string;
  readonly abortSignal: AbortSignal;
}

/**
 * Keeps a session's login and model as a new seed. Of the configuration, what the home was given is kept and not what the agent
 * made of it: an agent that was misled could have planted a program or an address there.
 */
export function keepSeed(
  options: StartOpencodeSessionOptions,
  context: KeepSeedContext,
): Promise<CapturedOpencodeSeed> {
  const { host } = options;
  const { prepared, model, label, id, abortSignal } = context;
  const seedId = prepared.seed?.seedId;
  return sessionSeeds(options).capture({
    host,
    home: prepared.workspace.home,
    beneath: prepared.workspace.taskDirectory,
    opencodeVersion: prepared.binary.version,
    abortSignal,
    id,
    ...(seedId !== undefined && { startedFrom: seedId }),
    ...(prepared.homeConfig && { config: prepared.homeConfig }),
    ...(model !== undefined && { model }),
    ...(label !== undefined && { label }),
  });
}
