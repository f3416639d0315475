import { changeDocument } from './change-document.ts';
import { namedBlobs, type DocumentFields, type StoredDocument } from './document.ts';
import { revisionConflict } from './store-errors.ts';
import type { Collection, Store } from './store.ts';

/**
 * Switches a document to blobs that were made of those it named when it was read. What else others have changed meanwhile
 * stays: whoever holds a lease renews it while its blobs are written, which may take longer than a lease. Throws
 * `REVISION_CONFLICT` when the document names other blobs by now, `DOCUMENT_NOT_FOUND`, and what `change` throws.
 */
export function switchContent(
  store: Store,
  collection: Collection,
  read: StoredDocument,
  change: (current: StoredDocument) => DocumentFields,
): Promise<StoredDocument> {
  const before = contentOf(read);
  return changeDocument(store, collection, read.id, (current) => {
    if (contentOf(current) === before) return change(current);
    throw revisionConflict(store.description, collection.name, read.id, read.revision);
  });
}

function contentOf(document: StoredDocument): string {
  return namedBlobs({ ...document })
    .toSorted()
    .join();
}
