import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';

import type { Bytes } from '@optio-ts/host-core';

import type { Cipher } from './cipher.ts';
import { SeedEngineError } from './errors.ts';
import { fixCipher } from './seal-blob.ts';
import { expectGzip, openSealed } from './sealed.ts';
import { filterSeedArchive } from './seed-archive.ts';
import { checkTransform, type SeedTransform } from './seed-edit.ts';
import { decodeSeedFile, encodeSeedFile, type SeedFileHeader } from './seed-file-format.ts';
import { checkManifestVersion, seedNotFound, type SeedReference } from './seed-store.ts';
import { seedFromDocument, type Seed, type SeedManifest } from './seed.ts';
import type { Store } from './store.ts';
import { writeSeed } from './write-seed.ts';

/** Options of `exportSeed`. */
export interface ExportSeedOptions extends SeedReference {
  /**
   * Seals the file for somebody else: `from` opens the seed, `to` (an `ageCipher` of their recipient) seals it.
   * @default as it is sealed in the store
   */
  readonly reseal?: { readonly from: Cipher; readonly to: Cipher };
  readonly abortSignal?: AbortSignal;
}

/** Options of `importSeed`. */
export interface ImportSeedOptions {
  readonly store: Store;
  /** Seals what is imported. */
  readonly cipher: Cipher;
  readonly manifest: SeedManifest;
  /** What `exportSeed` made. */
  readonly file: Bytes;
  /** Opens the file. @default `cipher` */
  readonly from?: Cipher;
  /** Instead of the one in the file. @default the one in the file */
  readonly label?: string;
  /** Looks at files on their way into the store, changes them, or refuses all by throwing. @default none */
  readonly transform?: SeedTransform;
  readonly abortSignal?: AbortSignal;
}

/**
 * A seed as a file that another store can take: versioned, with a digest of all of it, sealed as in the store or for
 * somebody else. What is said of a seed (label, model, versions) is readable in it, as in the store.
 *
 * Throws while iterated: `SEED_NOT_FOUND`, `SEED_MALFORMED`, `BLOB_CORRUPT`, `DecryptError`. A file that ends with an error
 * is no seed file.
 *
 * @yields its bytes
 */
export async function* exportSeed(options: ExportSeedOptions): AsyncGenerator<Uint8Array> {
  const { store, manifest, seedId, reseal, abortSignal } = options;
  const document = await store.get(manifest.collection, seedId);
  if (document === undefined) throw seedNotFound(store, seedId);
  const { seed, blobId } = seedFromDocument(document);
  if (blobId === undefined) {
    throw new SeedEngineError('SEED_MALFORMED', seed.problem ?? `Seed ${seedId} has no content`);
  }
  const stored = store.readBlob(blobId, abortSignal === undefined ? {} : { abortSignal });
  if (reseal === undefined) {
    yield* encodeSeedFile(headerOf(seed, seed.cipher), stored);
    return;
  }
  const to = await fixCipher(reseal.to);
  const plain = openContent(reseal.from, seed.cipher, stored, `seed ${seedId}`);
  yield* encodeSeedFile(headerOf(seed, to.name), to.encrypt(plain));
}

/**
 * Takes a seed out of a file, as a new seed. All of the file is checked before anybody sees the seed: its version and its
 * digest, that it can be opened, and every member of the archive, of which only what the manifest includes is kept. Then it
 * is sealed for this store.
 *
 * Throws `SEED_FILE_CORRUPT`, `SEED_VERSION_UNKNOWN`, `SEED_MALFORMED`, `DecryptError`, and what the transform throws; then
 * nothing of it stays.
 */
export async function importSeed(options: ImportSeedOptions): Promise<Seed> {
  const { store, cipher, manifest, file, from = cipher, transform, abortSignal } = options;
  checkTransform(transform, manifest.include);
  const { header, content, close } = await decodeSeedFile(file);
  try {
    if (header.agent !== undefined && header.agent !== manifest.agent) {
      throw new SeedEngineError(
        'SEED_MALFORMED',
        `This seed file is of ${JSON.stringify(header.agent.slice(0, 40))}, and ${manifest.agent} is expected`,
      );
    }
    checkManifestVersion('This seed file', header.manifestVersion, manifest);
    const plain = openContent(from, header.cipher, content, 'this seed file');
    const { agent: _agent, cipher: _cipher, ...said } = header;
    return await writeSeed({
      store,
      cipher,
      manifest,
      abortSignal,
      archive: filterSeedArchive(plain, manifest.include, transform === undefined ? {} : { transform }).content,
      describe: () => ({ ...said, ...(options.label === undefined ? {} : { label: options.label }) }),
    });
  } finally {
    await close();
  }
}

/**
 * Writes what `exportSeed` makes to a file, 0600: there whole, or not at all. A file that is there is left as it is (`EEXIST`)
 * unless `overwrite` is said.
 */
export async function writeSeedFile(
  path: string,
  content: Bytes,
  { overwrite = false }: { readonly overwrite?: boolean } = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      for await (const chunk of content) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    if (overwrite) await rename(temporary, path);
    else
      await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') error.message = `${path} is there already; overwrite: true replaces it`;
        throw error;
      });
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Reads a file for `importSeed`. It is opened when it is first read.
 *
 * @yields its bytes
 */
export async function* readSeedFile(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}

function openContent(cipher: Cipher, name: string | undefined, sealed: Bytes, what: string): Bytes {
  const plain = openSealed(cipher, name, sealed, what);
  return name === undefined ? expectGzip(plain, what) : plain;
}

function headerOf(seed: Seed, cipher: string | undefined): SeedFileHeader {
  const { agent, createdAt, manifestVersion, model, label, agentVersion, expiresAt, isExclusive } = seed;
  return {
    createdAt,
    manifestVersion,
    ...(agent === undefined ? {} : { agent }),
    ...(cipher === undefined ? {} : { cipher }),
    ...(model === undefined ? {} : { model }),
    ...(label === undefined ? {} : { label }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(isExclusive === undefined ? {} : { isExclusive }),
  };
}
