import { SeedEngineError } from './errors.ts';

// The same words in every store.

/** A document with this id is there already. */
export function documentExists(store: string, collection: string, id: string): SeedEngineError {
  return new SeedEngineError(
    'DOCUMENT_EXISTS',
    `Cannot insert ${id} into ${collection} of ${store}: a document with this id exists`,
  );
}

/** Nothing to replace. */
export function documentNotFound(store: string, collection: string, id: string): SeedEngineError {
  return new SeedEngineError(
    'DOCUMENT_NOT_FOUND',
    `Cannot replace ${id} in ${collection} of ${store}: there is no such document`,
  );
}

/** Somebody else was faster. */
export function revisionConflict(store: string, collection: string, id: string, revision: number): SeedEngineError {
  return new SeedEngineError(
    'REVISION_CONFLICT',
    `Cannot change ${id} in ${collection} of ${store}: it is no longer at revision ${revision}`,
  );
}

/** A document wants to name a blob that is not its own, not whole, or gone. */
export function blobNotOwned(store: string, blob: string, id: string): SeedEngineError {
  return new SeedEngineError(
    'BLOB_NOT_FOUND',
    `Document ${id} cannot name blob ${blob} of ${store}: no whole blob was written for it under this id, or it was swept`,
  );
}

/** Nothing to read. */
export function blobNotFound(store: string, blob: string): SeedEngineError {
  return new SeedEngineError('BLOB_NOT_FOUND', `There is no blob ${blob} in ${store}`);
}

/** What was read is not what was written. */
export function blobCorrupt(store: string, blob: string, why: string): SeedEngineError {
  return new SeedEngineError('BLOB_CORRUPT', `Blob ${blob} of ${store} is damaged: ${why}`);
}

/** Written by a newer version of this package. */
export function storeTooNew(store: string, found: number, known: number): SeedEngineError {
  return new SeedEngineError(
    'STORE_TOO_NEW',
    `${store} was written by a newer version (format ${found}, this one knows ${known}): update @optio-ts/seed-engine`,
  );
}
