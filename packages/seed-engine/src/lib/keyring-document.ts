import { changeDocument } from './change-document.ts';
import type { StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import type { Collection, Store } from './store.ts';

/** What a store records of its keys. */
export interface KeyringRecord {
  /** Everything is sealed for these from now on. */
  readonly recipients: readonly string[];
  /** Nothing is sealed for these any more, but something that was may be left: see `rotateStore`. */
  readonly retiring: readonly string[];
  /** Nothing needs these any more: `replaceIdentity` does not take one of them for new. */
  readonly retired: readonly string[];
}

const settings: Collection = { name: 'store_settings' };
const keyringId = 'keyring';

/** Reads a store's keys; `undefined` for a store that has none yet. */
export async function readKeyring(store: Store): Promise<KeyringRecord | undefined> {
  const document = await store.get(settings, keyringId);
  if (document === undefined) return undefined;
  const record = toRecord(store, document);
  return record.recipients.length === 0 ? undefined : record;
}

/** Records the first recipients of a store; `false` when another process was first: then its recipients hold. */
export async function recordRecipients(store: Store, recipients: readonly string[]): Promise<boolean> {
  try {
    await store.insert(settings, { id: keyringId, recipients, createdAt: new Date() });
    return true;
  } catch (error) {
    if (SeedEngineError.is(error) && error.code === 'DOCUMENT_EXISTS') return false;
    throw error;
  }
}

/** Changes a store's keys by compare-and-swap. `undefined` leaves them. Throws `KEY_MISSING` where there are none. */
export async function changeKeyring(
  store: Store,
  change: (current: KeyringRecord) => Partial<KeyringRecord> | undefined,
): Promise<KeyringRecord> {
  try {
    const changed = await changeDocument(store, settings, keyringId, (document) => {
      const { id: _id, revision: _revision, ...fields } = document;
      const next = change(toRecord(store, document));
      return next && { ...fields, ...next };
    });
    return toRecord(store, changed);
  } catch (error) {
    if (!SeedEngineError.is(error) || error.code !== 'DOCUMENT_NOT_FOUND') throw error;
    throw new SeedEngineError('KEY_MISSING', `${store.description} has no keys yet`, { cause: error });
  }
}

function toRecord(store: Store, document: StoredDocument): KeyringRecord {
  const list = (field: string): readonly string[] => {
    const value = document[field] ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw new SeedEngineError(
      'DOCUMENT_UNREADABLE',
      `The ${field} that ${store.description} records are not a list of text`,
    );
  };
  return { recipients: list('recipients'), retiring: list('retiring'), retired: list('retired') };
}
