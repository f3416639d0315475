import { HostError } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { captureSeed, readSeedFiles, SeedEngineError } from '@optio-ts/seed-engine';
import type { Seed } from '@optio-ts/seed-engine';

import { findActiveContent } from './active-content.ts';
import type { ActiveItem } from './active-content.ts';
import { planCapture } from './capture-plan.ts';
import type { CapturePlan, CaptureScope } from './capture-plan.ts';
import type { JsonObject } from './config.ts';
import { OpencodeSeedError } from './errors.ts';
import { homeContent, HOME_FILES } from './home.ts';
import { CONFIG_FILE, manifestFor, opencodeManifest } from './manifest.ts';
import type { OpencodeSeedsOptions } from './opencode-seeds.ts';

/** Options of `OpencodeSeeds.capture`. */
export interface CaptureOpencodeSeedOptions {
  readonly host: Host;
  /** Absolute path of the agent's home on the host. Its opencode must have ended. */
  readonly home: string;
  /** 24 hex digits. A seed of this id that is there already is `DOCUMENT_EXISTS`. @default a new id */
  readonly id?: string;
  /**
   * A directory at or above the home that no agent can have changed, for instance the task directory: no link below it is followed.
   *
   * @default the home itself
   */
  readonly beneath?: string;
  /** Of the opencode that used the home, for instance `1.18.33`. Recorded in the seed. */
  readonly opencodeVersion: string;
  /**
   * `login`: the logins, and of the configuration what `config` says and the model. `everything`: logins, configuration and
   * plugins, as the agent left them.
   *
   * @default 'login'
   */
  readonly scope?: CaptureScope;
  /**
   * With `login`: the configuration that the home was given before an agent used it, providers for instance; the agent's changes
   * to it are not kept.
   *
   * @default nothing but the model
   */
  readonly config?: JsonObject;
  /** The model that the session used, as `provider/model`. @default the one configured */
  readonly model?: string;
  /** A name for people. @default none */
  readonly label?: string;
  /** From then on the seed is not planted any more. @default never */
  readonly expiresAt?: Date;
  /** The seed that the session started from: what can run code and was in it already may be kept. @default none */
  readonly startedFrom?: string;
  /** Keep what can run code or redirect traffic and is new. Only where nobody but you can have put it there. @default false */
  readonly acceptCode?: boolean;
  /**
   * Most bytes that may be kept, unpacked. More is a `SEED_TOO_LARGE`, which names the largest files.
   *
   * @default 1 GiB, with `login` 8 MiB
   */
  readonly maxBytes?: number;
  /** 24 hex digits: `metadata.processId` of the blob. @default the seed's own id */
  readonly processId?: string;
  /** Ends the capture; nothing of it stays. */
  readonly abortSignal?: AbortSignal;
}

/** A seed that was captured. */
export interface CapturedOpencodeSeed extends Seed {
  /** The model that a session from this seed starts with. */
  readonly model: string;
  /** What of it can run code or redirect traffic, by name. */
  readonly activeContent: readonly string[];
}

const maxLoginBytes = 8 * 1024 ** 2;
const maxHomeBytes = 1024 ** 3;

/** Captures a home in one round trip: what is judged is what is kept. */
export async function captureHome(
  bound: OpencodeSeedsOptions,
  options: CaptureOpencodeSeedOptions,
): Promise<CapturedOpencodeSeed> {
  const { acceptCode = false, config, home, host, model, opencodeVersion, scope = 'login' } = options;
  const { label, expiresAt, processId, startedFrom, abortSignal } = options;
  const manifest = manifestFor(opencodeVersion);
  const before = startedFrom === undefined ? [] : await activeContentOf(bound, startedFrom, abortSignal);
  const where = `${home} on ${host.description}`;
  let plan: CapturePlan | undefined;
  try {
    const seed = await captureSeed({
      ...bound,
      host,
      home,
      // An agent has used this home: whatever is a link in it leads nowhere.
      beneath: options.beneath ?? home,
      manifest: scope === 'login' ? { ...manifest, include: HOME_FILES } : manifest,
      maxBytes: options.maxBytes ?? (scope === 'login' ? maxLoginBytes : maxHomeBytes),
      agentVersion: opencodeVersion,
      transform: {
        files: HOME_FILES,
        apply: (files, contents) => {
          plan = planCapture(homeContent(files, contents), { scope, where, model, config, acceptCode, before });
          return { [CONFIG_FILE]: Buffer.from(plan.configText) };
        },
      },
      describe: () => (plan === undefined ? {} : { model: plan.model, isExclusive: plan.isExclusive }),
      ...(options.id === undefined ? {} : { id: options.id }),
      ...(label === undefined ? {} : { label }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(processId === undefined ? {} : { processId }),
      ...(abortSignal === undefined ? {} : { abortSignal }),
    });
    return { ...seed, model: plan?.model ?? '', activeContent: plan?.activeContent ?? [] };
  } catch (error) {
    if (!HostError.is(error) || error.code !== 'NOT_FOUND') throw error;
    const message = `Nothing to keep as a seed: there is no ${where}. Log in with that home first: opencode auth login`;
    throw new OpencodeSeedError('LOGIN_MISSING', message, { cause: error });
  }
}

/** What can run code in a seed; nothing, when it cannot be read: then all that a home holds is new. */
async function activeContentOf(
  bound: OpencodeSeedsOptions,
  seedId: string,
  abortSignal: AbortSignal | undefined,
): Promise<readonly ActiveItem[]> {
  try {
    const { files, contents } = await readSeedFiles({
      ...bound,
      manifest: opencodeManifest,
      seedId,
      files: HOME_FILES,
      ...(abortSignal === undefined ? {} : { abortSignal }),
    });
    return findActiveContent(homeContent(files, contents));
  } catch (error) {
    if (!SeedEngineError.is(error) || ['ABORTED', 'DISPOSED', 'STORE_FAILED'].includes(error.code)) throw error;
    return [];
  }
}
