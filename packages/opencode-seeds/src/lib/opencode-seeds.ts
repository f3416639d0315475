import {
  exportSeed,
  getSeed,
  listSeeds,
  purgeExpiredSeeds,
  purgeSeed,
  readSeedFiles,
  rotateStore,
  SeedEngineError,
  updateSeed,
  verifySeed,
} from '@optio-ts/seed-engine';
import type {
  Cipher,
  ExportSeedOptions,
  RotateStoreOptions,
  RotationReport,
  Seed,
  SeedChange,
  SeedVerification,
  Store,
} from '@optio-ts/seed-engine';

import { findActiveContent } from './active-content.ts';
import { captureHome } from './capture.ts';
import type { CapturedOpencodeSeed, CaptureOpencodeSeedOptions } from './capture.ts';
import { homeContent, HOME_FILES } from './home.ts';
import { importFile } from './import.ts';
import type { ImportedOpencodeSeed, ImportOpencodeSeedOptions } from './import.ts';
import { listLogins } from './logins.ts';
import type { OpencodeLogin } from './logins.ts';
import { opencodeManifest } from './manifest.ts';
import { plantHome } from './plant.ts';
import type { PlantedOpencodeSeed, PlantOpencodeSeedOptions } from './plant.ts';
import { useSeed } from './seed-use.ts';
import type { OpencodeSeedUse, UseOpencodeSeedOptions } from './seed-use.ts';

/** Options of `opencodeSeeds`. */
export interface OpencodeSeedsOptions {
  /** Where seeds are kept. Stays the caller's. */
  readonly store: Store;
  /** Seals what is captured, opens what is planted. */
  readonly cipher: Cipher;
}

/** What `verify` found, and what is in the seed. */
export interface OpencodeSeedVerification extends SeedVerification {
  /** Its logins, without their secrets. */
  readonly logins: readonly OpencodeLogin[];
  /** What of it can run code or redirect traffic, by name. */
  readonly activeContent: readonly string[];
}

/** opencode's seeds in one store. Errors: `OpencodeSeedError`, `SeedEngineError` (`DecryptError` among them), `HostError`. */
export interface OpencodeSeeds {
  /**
   * Keeps login and model of a home as a new seed. One round trip.
   *
   * Throws `LOGIN_MISSING`, `MODEL_MISSING` and `ACTIVE_CONTENT` for a home that is not fit to be kept, which a session reports
   * as a warning, `SEED_TOO_LARGE`, and `VERSION_UNSUPPORTED`.
   */
  capture(options: CaptureOpencodeSeedOptions): Promise<CapturedOpencodeSeed>;
  /**
   * Puts a seed into a home, for once: nothing is written back. One round trip. Throws `SEED_NOT_FOUND`, `SEED_EXPIRED`,
   * `DECRYPT_FAILED`, `SEED_MALFORMED`, `SEED_VERSION_UNKNOWN`, and `VERSION_UNSUPPORTED` for the seed of an opencode that keeps its
   * login in another way.
   */
  plant(options: PlantOpencodeSeedOptions): Promise<PlantedOpencodeSeed>;
  /**
   * Puts a seed into the home of a session. One whose login rotates is leased to it until `release`, and takes the rotated login
   * back. Throws as `plant` does, and `SEED_IN_USE`.
   */
  use(options: UseOpencodeSeedOptions): Promise<OpencodeSeedUse>;
  /** All seeds, newest first. */
  list(): Promise<readonly Seed[]>;
  /** One seed; `undefined` for an id that is unknown or none at all. */
  get(seedId: string): Promise<Seed | undefined>;
  /** Reads, opens and checks all of a seed; what is wrong with it is in the result. Throws `SEED_NOT_FOUND`. */
  verify(seedId: string, options?: { readonly abortSignal?: AbortSignal }): Promise<OpencodeSeedVerification>;
  /** Sets or removes a seed's label and its end. Throws `SEED_NOT_FOUND`. */
  update(seedId: string, change: SeedChange): Promise<Seed>;
  /** Removes a seed and its content. Throws `SEED_NOT_FOUND`. */
  purge(seedId: string): Promise<void>;
  /** Removes the seeds that have expired and are not in use, and returns their ids. */
  purgeExpired(): Promise<readonly string[]>;
  /**
   * A seed as a file, sealed as in the store or for a given recipient: see `exportSeed` of seed-engine. Throws while iterated.
   */
  exportFile(seedId: string, options?: Pick<ExportSeedOptions, 'abortSignal' | 'reseal'>): AsyncIterable<Uint8Array>;
  /**
   * Takes a seed out of a file, as a new one, once all of the file is checked. Throws `ACTIVE_CONTENT`, `LOGIN_MISSING`, and what
   * `importSeed` of seed-engine throws; then nothing of it stays.
   */
  importFile(options: ImportOpencodeSeedOptions): Promise<ImportedOpencodeSeed>;
  /**
   * Seals all of opencode's seeds and snapshots in the store, and the secrets of sessions, anew for the recipients that its keyring
   * has by now: see `rotateStore` of seed-engine.
   */
  rotate(options?: Pick<RotateStoreOptions, 'abortSignal' | 'from' | 'onProgress'>): Promise<RotationReport>;
}

/** Binds the seeds of opencode, their manifest and their collection, to a store and a cipher. */
export function opencodeSeeds({ store, cipher }: OpencodeSeedsOptions): OpencodeSeeds {
  const bound = { store, cipher };
  const place = { store, manifest: opencodeManifest };
  return {
    capture: (options) => captureHome(bound, options),
    plant: async (options) => (await plantHome(bound, options)).report,
    use: (options) => useSeed(bound, options),
    list: () => listSeeds(place),
    get: (seedId) => getSeed({ ...place, seedId }),
    async verify(seedId, options = {}) {
      const verification = await verifySeed({ ...place, cipher, seedId, ...options });
      if (!verification.isSound) return { ...verification, logins: [], activeContent: [] };
      try {
        const read = await readSeedFiles({ ...place, cipher, seedId, files: HOME_FILES, ...options });
        const content = homeContent(read.files, read.contents);
        return {
          ...verification,
          logins: listLogins(content.auth),
          activeContent: findActiveContent(content).map(({ name }) => name),
        };
      } catch (error) {
        // Sound as an archive, and no seed for opencode all the same: its login is a link, for instance.
        if (!SeedEngineError.is(error) || error.code !== 'SEED_MALFORMED') throw error;
        return { ...verification, isSound: false, error, logins: [], activeContent: [] };
      }
    },
    update: (seedId, change) => updateSeed({ ...place, seedId, change }),
    purge: (seedId) => purgeSeed({ ...place, seedId }),
    purgeExpired: () => purgeExpiredSeeds(place),
    exportFile: (seedId, options = {}) => exportSeed({ ...place, seedId, ...options }),
    importFile: (options) => importFile(bound, options),
    rotate: (options = {}) =>
      rotateStore({ ...options, store, cipher, manifests: [opencodeManifest], agents: [opencodeManifest.agent] }),
  };
}
