import { archiveDirectory, restoreDirectory, type Host } from '@optio-ts/host-core';

import type { Cipher } from './cipher.ts';
import { openSeed, storeSeed, type SeedDescription, type VerifySeedOptions } from './seed-store.ts';
import type { Seed, SeedManifest } from './seed.ts';
import type { Store } from './store.ts';

/** Options of `captureSeed`. */
export interface CaptureSeedOptions extends SeedDescription {
  readonly store: Store;
  /** Seals the archive. */
  readonly cipher: Cipher;
  readonly host: Host;
  /** The agent's home on the host, absolute. */
  readonly home: string;
  /**
   * A directory at or above the home that no agent can have changed, for instance the task directory: no link below
   * it is followed. Needed once an agent has run. @default the home itself is trusted
   */
  readonly beneath?: string;
  readonly manifest: SeedManifest;
  /** Bytes, unpacked. More is an `OUTPUT_LIMIT` of the host. @default no limit */
  readonly maxBytes?: number;
  readonly abortSignal?: AbortSignal;
}

/** Options of `plantSeed`. */
export interface PlantSeedOptions extends VerifySeedOptions {
  readonly host: Host;
  /** The home on the host, absolute; made, 0700, when it is missing. */
  readonly home: string;
  /** As in `CaptureSeedOptions`. @default the home itself is trusted */
  readonly beneath?: string;
}

/** What was planted. */
export interface PlantReport {
  readonly seed: Seed;
  /** Names of the files, relative to the home. */
  readonly planted: readonly string[];
  /** Names of members outside the manifest, which were left out. At most 1000. */
  readonly skipped: readonly string[];
  /** Of the files. */
  readonly sizeBytes: number;
}

/**
 * Captures what the manifest includes of a home as a seed. What is missing is left out; a home with nothing of it
 * makes an empty seed.
 *
 * Streams from the host through the cipher into the store. When anything fails nothing of it stays, and the error is
 * that of the host (`HostError`), the cipher or the store.
 */
export function captureSeed({ host, home, beneath, maxBytes, ...options }: CaptureSeedOptions): Promise<Seed> {
  const archive = archiveDirectory(host, home, {
    include: options.manifest.include,
    exclude: [],
    ...(beneath === undefined ? {} : { beneath }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal }),
  });
  return storeSeed({ ...options, archive });
}

/**
 * Plants a seed: its files are put over what is in the home, which is otherwise left as it is. Only what the manifest
 * includes is written, with modes for its owner alone, into a fresh directory first and into place once all of it has
 * proved good; nothing is ever written through a link.
 *
 * Throws `SEED_NOT_FOUND`, `SEED_VERSION_UNKNOWN`, `SEED_MALFORMED`, `BLOB_CORRUPT`, `DecryptError`, and the host's
 * `HostError`; then the home is as it was.
 */
export async function plantSeed({ host, home, beneath, ...options }: PlantSeedOptions): Promise<PlantReport> {
  const { seed, archive } = await openSeed(options);
  await restoreDirectory(host, home, archive.content, {
    existing: 'keep',
    links: 'refuse-outward',
    ...(beneath === undefined ? {} : { beneath }),
    ...(options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal }),
  });
  const { taken, skipped, sizeBytes } = archive.members;
  return { seed, planted: taken, skipped, sizeBytes };
}
