import { changeDocument } from './change-document.ts';
import { checkDescription } from './check-description.ts';
import type { DocumentFields, DocumentValue, StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { listSeeds, seedNotFound, type SeedReference } from './seed-store.ts';
import { seedFromDocument, type Seed } from './seed.ts';

/** What may be changed of a seed beside its content. A field that is there and `undefined` is removed. */
export interface SeedChange {
  /** For people. */
  readonly label?: string | undefined;
  /** From then on it is not planted any more. */
  readonly expiresAt?: Date | undefined;
}

/** Changes what is said of a seed; its content stays. Throws `SEED_NOT_FOUND`. */
export async function updateSeed({ change, ...seed }: SeedReference & { readonly change: SeedChange }): Promise<Seed> {
  checkDescription(change);
  const changed = await changeSeedDocument(seed, (fields) => {
    const next: Record<string, DocumentValue> = { ...fields };
    for (const field of ['label', 'expiresAt'] as const) {
      if (!(field in change)) continue;
      const value = change[field];
      if (value === undefined) delete next[field];
      else next[field] = value;
    }
    return next;
  });
  return seedFromDocument(changed).seed;
}

/**
 * Removes the seeds that have expired, and returns their ids. One that somebody uses, or whose end is put off meanwhile,
 * stays.
 */
export async function purgeExpiredSeeds({
  store,
  manifest,
}: Omit<SeedReference, 'seedId'>): Promise<readonly string[]> {
  const purged: string[] = [];
  for (const { id, isExpired } of await listSeeds({ store, manifest })) {
    if (!isExpired) continue;
    const document = await store.get(manifest.collection, id);
    const seed = document && seedFromDocument(document).seed;
    if (document === undefined || seed?.isExpired !== true || seed.lease !== undefined) continue;
    try {
      if (await store.remove(manifest.collection, id, { revision: document.revision })) purged.push(id);
    } catch (error) {
      if (!SeedEngineError.is(error) || error.code !== 'REVISION_CONFLICT') throw error;
    }
  }
  return purged;
}

/**
 * Changes a seed's document by compare-and-swap, as `changeDocument` does. What others have put into it stays unless
 * `change` takes it out. Throws `SEED_NOT_FOUND`.
 */
export async function changeSeedDocument(
  { store, manifest, seedId }: SeedReference,
  change: (fields: DocumentFields, document: StoredDocument) => DocumentFields | undefined,
): Promise<StoredDocument> {
  try {
    return await changeDocument(store, manifest.collection, seedId, (document) => {
      const { id: _id, revision: _revision, ...fields } = document;
      return change(fields, document);
    });
  } catch (error) {
    const isMissing = SeedEngineError.is(error) && error.code === 'DOCUMENT_NOT_FOUND';
    throw isMissing ? seedNotFound(store, seedId) : error;
  }
}
