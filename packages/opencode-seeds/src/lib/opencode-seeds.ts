import type { Host } from '@optio-ts/host-core';
import { captureSeed, getSeed, listSeeds, plantSeed, purgeSeed, storeSeed, verifySeed } from '@optio-ts/seed-engine';
import type { Cipher, PlantReport, Seed, SeedVerification, Store } from '@optio-ts/seed-engine';

import { planCapture } from './capture-plan.ts';
import type { CaptureScope } from './capture-plan.ts';
import { composeArchive } from './compose-archive.ts';
import { modelOf } from './config.ts';
import type { JsonObject } from './config.ts';
import { readConfig, readHome, writeConfig } from './home.ts';
import { AUTH_FILE, CONFIG_FILE, manifestFor, opencodeManifest } from './manifest.ts';

/** Options of `opencodeSeeds`. */
export interface OpencodeSeedsOptions {
  /** Where seeds are kept. Stays the caller's. */
  readonly store: Store;
  /** Seals what is captured, opens what is planted. */
  readonly cipher: Cipher;
}

/** Options of `OpencodeSeeds.capture`. */
export interface CaptureOpencodeSeedOptions {
  readonly host: Host;
  /** Absolute path of the agent's home on the host. Its opencode must have ended. */
  readonly home: string;
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
  /** Keep what can run code or redirect traffic too. Only where nobody but you can have put it there. @default false */
  readonly acceptCode?: boolean;
  /** With `everything`: most bytes that may be kept, unpacked. More is an `OUTPUT_LIMIT` of the host. @default 1 GiB */
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
  /** What of it can run code or redirect traffic, by name. Empty unless `acceptCode` was said. */
  readonly activeContent: readonly string[];
}

/** Options of `OpencodeSeeds.plant`. */
export interface PlantOpencodeSeedOptions {
  readonly host: Host;
  /** Absolute path of the home on the host; made where it is missing. No agent may have used it. */
  readonly home: string;
  /** As for a capture. @default the way to the home is trusted */
  readonly beneath?: string;
  readonly seedId: string;
  readonly abortSignal?: AbortSignal;
}

/** A seed that was planted. */
export interface PlantedOpencodeSeed extends PlantReport {
  /** opencode's configuration as the seed brought it: what a later capture of this home may be given as `config`. */
  readonly config: JsonObject | undefined;
  /** The model that the seed names. */
  readonly model: string | undefined;
}

/** opencode's seeds in one store. Errors: `OpencodeSeedError`, `SeedEngineError` (`DecryptError` among them), `HostError`. */
export interface OpencodeSeeds {
  /**
   * Keeps login and model of a home as a new seed.
   *
   * Throws `LOGIN_MISSING`, `MODEL_MISSING` and `ACTIVE_CONTENT` for a home that is not fit to be kept, which a session reports
   * as a warning, and `VERSION_UNSUPPORTED`.
   */
  capture(options: CaptureOpencodeSeedOptions): Promise<CapturedOpencodeSeed>;
  /**
   * Puts a seed into a home. Throws `SEED_NOT_FOUND`, `DECRYPT_FAILED`, `SEED_MALFORMED`, `SEED_VERSION_UNKNOWN`, and
   * `VERSION_UNSUPPORTED` for the seed of an opencode that keeps its login in another way.
   */
  plant(options: PlantOpencodeSeedOptions): Promise<PlantedOpencodeSeed>;
  /** All seeds, newest first. */
  list(): Promise<readonly Seed[]>;
  /** One seed; `undefined` for an id that is unknown or none at all. */
  get(seedId: string): Promise<Seed | undefined>;
  /** Reads, opens and checks all of a seed; what is wrong with it is in the result. Throws `SEED_NOT_FOUND`. */
  verify(seedId: string, options?: { readonly abortSignal?: AbortSignal }): Promise<SeedVerification>;
  /** Removes a seed and its content. Throws `SEED_NOT_FOUND`. */
  purge(seedId: string): Promise<void>;
}

/** Binds the seeds of opencode, their manifest and their collection, to a store and a cipher. */
export function opencodeSeeds({ store, cipher }: OpencodeSeedsOptions): OpencodeSeeds {
  const bound = { store, manifest: opencodeManifest };
  return {
    capture: (options) => capture({ store, cipher }, options),
    plant: (options) => plant({ store, cipher }, options),
    list: () => listSeeds(bound),
    get: (seedId) => getSeed({ ...bound, seedId }),
    verify: (seedId, options = {}) => verifySeed({ ...bound, cipher, seedId, ...options }),
    purge: (seedId) => purgeSeed({ ...bound, seedId }),
  };
}

async function capture(
  bound: OpencodeSeedsOptions,
  options: CaptureOpencodeSeedOptions,
): Promise<CapturedOpencodeSeed> {
  const { acceptCode = false, config, home, host, label, model, opencodeVersion, scope = 'login' } = options;
  const manifest = manifestFor(opencodeVersion);
  const signal = options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal };
  // An agent has used this home: whatever is a link in it leads nowhere.
  const access = { ...signal, beneath: options.beneath ?? home };
  const { authText, configText, content } = await readHome(host, home, access, scope === 'everything');
  const plan = planCapture(content, { scope, model, config, acceptCode });
  const description = {
    ...bound,
    ...signal,
    manifest,
    model: plan.model,
    agentVersion: opencodeVersion,
    ...(label === undefined ? {} : { label }),
    ...(options.processId === undefined ? {} : { processId: options.processId }),
  };
  let seed: Seed;
  if (scope === 'login') {
    // What was judged is what is kept: the host is not read a second time.
    const archive = composeArchive([
      { path: AUTH_FILE, text: authText },
      { path: CONFIG_FILE, text: plan.configText },
    ]);
    seed = await storeSeed({ ...description, archive });
  } else {
    if (plan.configText !== configText) await writeConfig(host, home, plan.configText, access);
    seed = await captureSeed({ ...description, ...access, host, home, maxBytes: options.maxBytes ?? 1024 ** 3 });
  }
  return { ...seed, model: plan.model, activeContent: plan.activeContent };
}

async function plant(bound: OpencodeSeedsOptions, options: PlantOpencodeSeedOptions): Promise<PlantedOpencodeSeed> {
  const { abortSignal, beneath, home, host, seedId } = options;
  const access = {
    ...(abortSignal === undefined ? {} : { abortSignal }),
    ...(beneath === undefined ? {} : { beneath }),
  };
  const seed = await getSeed({ ...bound, manifest: opencodeManifest, seedId });
  const manifest = manifestFor(seed?.agentVersion);
  const report = await plantSeed({ ...bound, ...access, manifest, host, home, seedId });
  const config = await readConfig(host, home, access);
  return { ...report, config, model: modelOf(config) ?? seed?.model };
}
