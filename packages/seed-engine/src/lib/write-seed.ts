import type { Bytes } from '@optio-ts/host-core';

import type { Cipher } from './cipher.ts';
import { createId } from './id.ts';
import { sealBlob } from './seal-blob.ts';
import { seedFromDocument, seedToFields, type Seed, type SeedDraft, type SeedManifest } from './seed.ts';
import type { Store } from './store.ts';

/** Options of `writeSeed`. */
export interface WriteSeedOptions {
  readonly store: Store;
  /** Seals the archive. */
  readonly cipher: Cipher;
  readonly manifest: SeedManifest;
  /** A gzip'd tar with members relative to the home. */
  readonly archive: Bytes;
  /** Asked once the archive has been read to its end: what it held may decide. */
  readonly describe: () => Omit<
    SeedDraft,
    'agent' | 'cipher' | 'contentVersion' | 'sealedFor' | 'sha256' | 'sizeBytes'
  >;
  /** 24 hex digits. Of two with one id the second is `DOCUMENT_EXISTS`. @default a new id */
  readonly id?: string | undefined;
  /** 24 hex digits: `metadata.processId` of the blob. @default the seed's own id */
  readonly processId?: string | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** Writes a new seed: the blob first, the document last. When anything fails, nothing of it stays. */
export async function writeSeed(options: WriteSeedOptions): Promise<Seed> {
  const { store, cipher, manifest, archive, describe, abortSignal } = options;
  const { collection, agent } = manifest;
  const id = options.id ?? createId();
  const blob = await sealBlob(store, cipher, {
    owner: { collection, id },
    name: 'seed',
    metadata: { processId: options.processId ?? id },
    content: archive,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  try {
    const { id: blobId, ...stored } = blob;
    const fields = seedToFields({ ...describe(), agent, ...stored, contentVersion: 1 }, blobId);
    return seedFromDocument(await store.insert(collection, { id, ...fields })).seed;
  } catch (error) {
    // Should this fail as well, the blob's intent stays, and a sweep removes it.
    await store.discardBlob(blob.id).catch(() => {});
    throw error;
  }
}
