import type { DocumentFields, StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { revisionConflict } from './store-errors.ts';
import type { Collection, Store } from './store.ts';

// Whoever loses a race reads again and tries again; somebody wins each time, so this many losses in a row are
// something else.
const attempts = 100;

/**
 * Changes a document by compare-and-swap: reads it, applies `change`, writes it, and does so again when somebody else
 * was faster. `change` returns all fields, or `undefined` to leave the document as it is; it may be called several
 * times and what it throws is thrown. Throws `DOCUMENT_NOT_FOUND`.
 */
export async function changeDocument(
  store: Store,
  collection: Collection,
  id: string,
  change: (current: StoredDocument) => DocumentFields | undefined,
): Promise<StoredDocument> {
  for (let attempt = 1; ; attempt += 1) {
    const current = await store.get(collection, id);
    if (current === undefined) {
      throw new SeedEngineError(
        'DOCUMENT_NOT_FOUND',
        `There is no document ${id} in ${collection.name} of ${store.description}`,
      );
    }
    const fields = change(current);
    if (fields === undefined) return current;
    try {
      return await store.replace(collection, { ...fields, id, revision: current.revision });
    } catch (error) {
      const isConflict = SeedEngineError.is(error) && error.code === 'REVISION_CONFLICT';
      if (!isConflict) throw error;
      if (attempt >= attempts) {
        throw revisionConflict(store.description, collection.name, id, current.revision);
      }
    }
  }
}
