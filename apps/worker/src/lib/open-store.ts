import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { openKeyring } from '@optio-ts/seed-engine';
import type { Cipher, Store } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';

import type { Places } from './places.ts';

/** A store and the key to it. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
  readonly cipher: Cipher;
  /** Whether the key was made just now, for a new store. */
  readonly isNew: boolean;
}

/**
 * Opens the SQLite store with its key; both are made when there is neither. Throws a `SeedEngineError`, with `KEY_MISSING` for a
 * store whose key is not there.
 */
export async function openStore(places: Places): Promise<OpenedStore> {
  await mkdir(dirname(places.store), { recursive: true, mode: 0o700 });
  const store = createSqliteStore(places.store);
  try {
    const keyring = await openKeyring({ store, identityPath: places.identity });
    return {
      store,
      cipher: keyring.cipher,
      isNew: keyring.isNewIdentity,
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

/** What first use has to say about the key. */
export function newKeyNotice(places: Places): string {
  return `made a new key: ${places.identity}; keep a copy of it elsewhere: what the store holds (${places.store}) cannot be read without it`;
}
