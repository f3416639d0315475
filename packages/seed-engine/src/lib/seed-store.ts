import type { Bytes } from '@optio-ts/host-core';

import { checkDescription } from './check-description.ts';
import type { Cipher } from './cipher.ts';
import type { StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { expectGzip, openSealed } from './sealed.ts';
import { filterSeedArchive, type FilteredArchive, type FilteredMembers } from './seed-archive.ts';
import { checkTransform, type SeedTransform } from './seed-edit.ts';
import { seedFromDocument, type Seed, type SeedManifest } from './seed.ts';
import type { Store } from './store.ts';
import { writeSeed } from './write-seed.ts';

/** What is said of a seed beside its content. */
export interface SeedDescription {
  /** For people. @default none */
  readonly label?: string;
  /** The agent's default model. @default unknown */
  readonly model?: string;
  /** Of the agent. @default unknown */
  readonly agentVersion?: string;
  /** From then on it is not planted any more. @default never */
  readonly expiresAt?: Date;
  /** Whether its login rotates when it is used, so that one session at a time may have it. @default unknown */
  readonly isExclusive?: boolean;
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
  /**
   * Looks at files on their way into the store, changes them, or refuses all by throwing. With it, what the manifest
   * does not include is left out of the archive.
   * @default the archive is stored as it is
   */
  readonly transform?: SeedTransform;
  /** What else is to be said of the seed, asked once the transform has seen its files. @default nothing */
  readonly describe?: () => Omit<SeedDescription, 'processId'>;
  /**
   * 24 hex digits. Given by whoever may have stored this very seed before and cannot know: the second time is `DOCUMENT_EXISTS`.
   * @default a new id
   */
  readonly id?: string;
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

/** Options of `openSeed`. */
export interface OpenSeedOptions extends VerifySeedOptions {
  /** Changes files on their way out. @default none */
  readonly transform?: SeedTransform;
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
  const { store, cipher, manifest, archive, transform, processId, id, abortSignal } = options;
  checkTransform(transform, manifest.include);
  checkDescription(options);
  const content =
    transform === undefined ? archive : filterSeedArchive(archive, manifest.include, { transform }).content;
  return writeSeed({
    store,
    cipher,
    manifest,
    processId,
    id,
    abortSignal,
    archive: content,
    describe: () => {
      const { label, model, agentVersion, expiresAt, isExclusive } = { ...options, ...options.describe?.() };
      return {
        createdAt: new Date(),
        manifestVersion: manifest.version,
        ...(model === undefined ? {} : { model }),
        ...(label === undefined ? {} : { label }),
        ...(agentVersion === undefined ? {} : { agentVersion }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(isExclusive === undefined ? {} : { isExclusive }),
      };
    },
  });
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
  let members: FilteredMembers = { taken: [], skipped: [], sizeBytes: 0 };
  let error: Error | undefined;
  try {
    const { archive } = await openSeed(options);
    members = archive.members;
    for await (const chunk of archive.content) void chunk;
  } catch (problem) {
    if (await wasReplaced(options, document.revision, problem)) return verifySeed(options);
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
  /** As it was read. */
  readonly document: StoredDocument;
  readonly archive: FilteredArchive;
}

/** Finds a seed and opens its archive. Throws `SEED_NOT_FOUND`, `SEED_MALFORMED`, `SEED_VERSION_UNKNOWN`. */
export async function openSeed({
  store,
  cipher,
  manifest,
  seedId,
  transform,
  abortSignal,
}: OpenSeedOptions): Promise<OpenedSeed> {
  checkTransform(transform, manifest.include);
  const document = await store.get(manifest.collection, seedId);
  if (document === undefined) throw seedNotFound(store, seedId);
  const { seed, blobId } = seedFromDocument(document);
  if (blobId === undefined) {
    throw new SeedEngineError('SEED_MALFORMED', seed.problem ?? `Seed ${seedId} has no content`);
  }
  checkManifestVersion(`Seed ${seedId}`, seed.manifestVersion, manifest);
  const sealed = store.readBlob(blobId, abortSignal === undefined ? {} : { abortSignal });
  const plain = openSealed(cipher, seed.cipher, sealed, `seed ${seedId}`);
  const content = seed.cipher === undefined ? expectGzip(plain, `seed ${seedId}`) : plain;
  return {
    seed,
    document,
    archive: filterSeedArchive(content, manifest.include, transform === undefined ? {} : { transform }),
  };
}

/** Whether reading a seed failed because it was exchanged or removed meanwhile: looked for again, it is whole, or gone. */
export async function wasReplaced(
  { store, manifest, seedId }: SeedReference,
  revision: number,
  error: unknown,
): Promise<boolean> {
  if (!SeedEngineError.is(error) || error.code !== 'BLOB_NOT_FOUND') return false;
  const current = await store.get(manifest.collection, seedId);
  return current?.revision !== revision;
}

function isFaultOfSeed(error: unknown): error is SeedEngineError {
  if (!SeedEngineError.is(error)) return false;
  const faults = ['BLOB_CORRUPT', 'BLOB_NOT_FOUND', 'CIPHER_LIMIT', 'DECRYPT_FAILED'];
  return [...faults, 'SEED_MALFORMED', 'SEED_VERSION_UNKNOWN'].includes(error.code);
}

/** Throws `SEED_VERSION_UNKNOWN` for a seed of a version to come. */
export function checkManifestVersion(what: string, found: number, { version }: SeedManifest): void {
  if (Number.isInteger(found) && found >= 1 && found <= version) return;
  throw new SeedEngineError(
    'SEED_VERSION_UNKNOWN',
    `${what} has manifest version ${found}; this version knows 1 to ${version}`,
  );
}

/** There is no such seed. */
export function seedNotFound(store: Store, seedId: string): SeedEngineError {
  return new SeedEngineError('SEED_NOT_FOUND', `There is no seed ${seedId} in ${store.description}`);
}
