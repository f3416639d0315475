import type { Bytes } from '@optio-ts/host-core';

import type { Cipher } from './cipher.ts';
import { SeedEngineError } from './errors.ts';
import { createId } from './id.ts';
import { expectGzip, openSealed } from './sealed.ts';
import { filterSeedArchive, type FilteredArchive, type FilteredMembers } from './seed-archive.ts';
import { seedFromDocument, seedToFields, type Seed, type SeedManifest } from './seed.ts';
import type { Store } from './store.ts';

/** What is said of a seed beside its content. */
export interface SeedDescription {
  /** For people. @default none */
  readonly label?: string;
  /** The agent's default model. @default unknown */
  readonly model?: string;
  /** Of the agent. @default unknown */
  readonly agentVersion?: string;
  /** 24 hex digits: `metadata.processId` of the blob. @default the seed's own id */
  readonly processId?: string;
}

/** Options of `storeSeed`. */
export interface StoreSeedOptions extends SeedDescription {
  readonly store: Store;
  /** Seals the archive. */
  readonly cipher: Cipher;
  readonly manifest: SeedManifest;
  /** A gzip'd tar with members relative to the home. */
  readonly archive: Bytes;
  readonly abortSignal?: AbortSignal;
}

/** What a seed is called by. */
export interface SeedReference {
  readonly store: Store;
  readonly manifest: SeedManifest;
  readonly seedId: string;
}

/** Options of `verifySeed`. */
export interface VerifySeedOptions extends SeedReference {
  readonly cipher: Cipher;
  readonly abortSignal?: AbortSignal;
}

/** What `verifySeed` found. */
export interface SeedVerification {
  readonly seed: Seed;
  /** It can be read, opened and planted. */
  readonly isSound: boolean;
  /** Why not: a `DecryptError`, or a `SeedEngineError`. */
  readonly error?: Error;
  /** Names of the files that a planting would write. */
  readonly members: readonly string[];
  /** Names of members outside the manifest, which a planting would leave out. */
  readonly skipped: readonly string[];
  /** Of the files, unpacked. */
  readonly sizeBytes: number;
}

/** Stores an archive as a seed: the blob first, the document last. When anything fails, nothing of it stays. */
export async function storeSeed(options: StoreSeedOptions): Promise<Seed> {
  const { store, cipher, manifest, archive, abortSignal, label, model, agentVersion } = options;
  const id = createId();
  const blob = await store.writeBlob({
    owner: { collection: manifest.collection, id },
    name: 'seed',
    metadata: { processId: options.processId ?? id },
    content: cipher.encrypt(archive),
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  const seed: Seed = {
    id,
    createdAt: new Date(),
    manifestVersion: manifest.version,
    agent: manifest.agent,
    cipher: cipher.name,
    sizeBytes: blob.sizeBytes,
    sha256: blob.sha256,
    ...(model === undefined ? {} : { model }),
    ...(label === undefined ? {} : { label }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
  };
  try {
    await store.insert(manifest.collection, { id, ...seedToFields(seed, blob.id) });
    return seed;
  } catch (error) {
    // Should this fail as well, the blob's intent stays, and a sweep removes it.
    await store.discardBlob(blob.id).catch(() => {});
    throw error;
  }
}

/** The seeds of a manifest's collection, newest first, those with a `problem` among them. */
export async function listSeeds({ store, manifest }: Omit<SeedReference, 'seedId'>): Promise<readonly Seed[]> {
  const seeds: Seed[] = [];
  const documents = store.list(manifest.collection, {
    orderBy: [
      ['createdAt', 'desc'],
      ['id', 'desc'],
    ],
  });
  for await (const document of documents) seeds.push(seedFromDocument(document).seed);
  return seeds;
}

/** One seed; `undefined` for an id that is unknown or none at all. */
export async function getSeed({ store, manifest, seedId }: SeedReference): Promise<Seed | undefined> {
  const document = await store.get(manifest.collection, seedId);
  return document && seedFromDocument(document).seed;
}

/** Removes a seed and its content. Throws `SEED_NOT_FOUND`. Content that is gone already is no error. */
export async function purgeSeed({ store, manifest, seedId }: SeedReference): Promise<void> {
  if (!(await store.remove(manifest.collection, seedId))) throw seedNotFound(store, seedId);
}

/**
 * Reads, opens and checks all of a seed without planting it. What is wrong with it is the result; thrown are
 * `SEED_NOT_FOUND`, `ABORTED`, and errors of the store itself.
 */
export async function verifySeed(options: VerifySeedOptions): Promise<SeedVerification> {
  const document = await options.store.get(options.manifest.collection, options.seedId);
  if (document === undefined) throw seedNotFound(options.store, options.seedId);
  const { seed } = seedFromDocument(document);
  let members: FilteredMembers = {
    taken: [],
    skipped: [],
    sizeBytes: 0,
  };
  let error: Error | undefined;
  try {
    const { archive } = await openSeed(options);
    members = archive.members;
    for await (const chunk of archive.content) void chunk;
  } catch (problem) {
    if (!isFaultOfSeed(problem)) throw problem;
    error = problem;
  }
  return {
    seed,
    isSound: error === undefined,
    ...(error === undefined ? {} : { error }),
    members: members.taken,
    skipped: members.skipped,
    sizeBytes: members.sizeBytes,
  };
}

/** A seed and its archive, opened, filtered and written anew. */
export interface OpenedSeed {
  readonly seed: Seed;
  readonly archive: FilteredArchive;
}

/** Finds a seed and opens its archive. Throws `SEED_NOT_FOUND`, `SEED_MALFORMED`, `SEED_VERSION_UNKNOWN`. */
export async function openSeed({
  store,
  cipher,
  manifest,
  seedId,
  abortSignal,
}: VerifySeedOptions): Promise<OpenedSeed> {
  const document = await store.get(manifest.collection, seedId);
  if (document === undefined) throw seedNotFound(store, seedId);
  const { seed, blobId } = seedFromDocument(document);
  if (blobId === undefined) {
    throw new SeedEngineError('SEED_MALFORMED', seed.problem ?? `Seed ${seedId} has no content`);
  }
  if (seed.manifestVersion > manifest.version || seed.manifestVersion < 1) {
    throw new SeedEngineError(
      'SEED_VERSION_UNKNOWN',
      `Seed ${seedId} has manifest version ${seed.manifestVersion}; this version knows 1 to ${manifest.version}`,
    );
  }
  const sealed = store.readBlob(blobId, abortSignal === undefined ? {} : { abortSignal });
  const plain = openSealed(cipher, seed.cipher, sealed, `seed ${seedId}`);
  const content = seed.cipher === undefined ? expectGzip(plain, `seed ${seedId}`) : plain;
  return { seed, archive: filterSeedArchive(content, manifest.include) };
}

function isFaultOfSeed(error: unknown): error is SeedEngineError {
  if (!SeedEngineError.is(error)) return false;
  const faults = ['BLOB_CORRUPT', 'BLOB_NOT_FOUND', 'CIPHER_LIMIT', 'DECRYPT_FAILED'];
  return [...faults, 'SEED_MALFORMED', 'SEED_VERSION_UNKNOWN'].includes(error.code);
}

function seedNotFound(store: Store, seedId: string): SeedEngineError {
  return new SeedEngineError('SEED_NOT_FOUND', `There is no seed ${seedId} in ${store.description}`);
}
