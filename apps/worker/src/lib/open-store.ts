import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { listKeys, noCipher, openKeyring } from '@optio-ts/seed-engine';
import type { Cipher, Store } from '@optio-ts/seed-engine';

import { WorkerError } from './errors.ts';
import { makeDirectories } from './make-directories.ts';
import { isMongoUrl } from './places.ts';
import type { Places } from './places.ts';
import { reasonOf } from './secret-reference.ts';

/** A store and the key to it. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
  readonly cipher: Cipher;
  /** Whether the key was made just now, for a new store. */
  readonly isNew: boolean;
}

/**
 * Opens the store with its key, to write to it. A SQLite store and its key are made when there is neither; a database is shared
 * with others, so its first key is made by whoever means to (`optio keys new`). Throws a `SeedEngineError`, with `KEY_MISSING`
 * for a store whose key is not there, and `STORE_UNREACHABLE`.
 */
export async function openStore(places: Places): Promise<OpenedStore> {
  const isShared = isMongoUrl(places.store);
  const { close, store } = await connectStore(places.store);
  try {
    const keyring = await openKeyring({
      store,
      identityPath: places.identity,
      missingIdentity: isShared ? 'refuse' : 'create',
    });
    return { store, cipher: keyring.cipher, isNew: keyring.isNewIdentity, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Opens the store to look at what there is. Looking is no reason to make a store or a key: one that is not there is an empty one
 * in memory, and one that has no key yet has nothing sealed.
 */
async function openStoreToRead(places: Places): Promise<OpenedStore> {
  const { close, store } = await openWithoutKey(places);
  try {
    const keys = await listKeys({ store, identityPath: places.identity });
    const cipher = keys.length === 0 ? noCipher : (await openKeyring({ store, identityPath: places.identity })).cipher;
    return { store, cipher, isNew: false, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A store alone. */
export interface ConnectedStore {
  readonly store: Store;
  readonly close: () => Promise<void>;
}

/** Opens a store as it is, for what needs no key; one that is not there is an empty one in memory. */
export async function openWithoutKey(places: Places): Promise<ConnectedStore> {
  if (isMongoUrl(places.store) || (await exists(places.store))) return connectStore(places.store);
  const { createMemoryStore } = await import('@optio-ts/seed-engine/memory');
  const store = createMemoryStore();
  return { store, close: () => store[Symbol.asyncDispose]() };
}

/** Runs something with a store that is only looked at, and closes it. */
export async function withStore<Result>(
  { places }: { readonly places: Places },
  use: (opened: OpenedStore) => Promise<Result>,
): Promise<Result> {
  await using opened = await openStoreToRead(places);
  return await use(opened);
}

/**
 * Runs something that writes to a store that has to be there: it makes neither a store nor a key. Throws `NOT_FOUND` for a store
 * that is not there.
 */
export async function withStoreToChange<Result>(
  { places }: { readonly places: Places },
  use: (opened: OpenedStore) => Promise<Result>,
): Promise<Result> {
  if (!isMongoUrl(places.store) && !(await exists(places.store))) {
    throw new WorkerError('NOT_FOUND', `there is no store ${places.store} yet; the first optio run makes one`);
  }
  await using opened = await openStore(places);
  return await use(opened);
}

/**
 * Where there is no store yet, does in memory what is about to be done to it, and throws what that throws: a mistake is no reason to make
 * a store and a key.
 */
export async function rehearse(
  places: Places,
  write: (opened: Pick<OpenedStore, 'store' | 'cipher'>) => Promise<unknown>,
): Promise<void> {
  if (isMongoUrl(places.store) || (await exists(places.store))) return;
  const { close, store } = await openWithoutKey(places);
  try {
    const hasKey = await exists(places.identity);
    const cipher = hasKey ? (await openKeyring({ store, identityPath: places.identity })).cipher : noCipher;
    await write({ store, cipher });
  } finally {
    await close();
  }
}

/** What first use has to say about the key. */
export function newKeyNotice(places: Places): string {
  return `made a new key: ${places.identity}; keep a copy of it elsewhere: what the store holds (${places.store}) cannot be read without it`;
}

/** Opens a store as it is; a SQLite file is made where there is none. */
export async function connectStore(place: string): Promise<ConnectedStore> {
  if (isMongoUrl(place)) {
    // Loaded by whoever has such a store: the driver is large.
    const { connectMongo } = await import('./mongo-connection.ts');
    const { createMongoStore } = await import('@optio-ts/seed-engine/mongo');
    const { close, db } = await connectMongo(place);
    const store = createMongoStore(db);
    return {
      store,
      close: async () => {
        await store[Symbol.asyncDispose]();
        await close();
      },
    };
  }
  await makeDirectories(dirname(place), { mode: 0o700 }).catch((error: unknown) => {
    throw new WorkerError('STORE_UNREACHABLE', `cannot make ${dirname(place)} for the store: ${reasonOf(error)}`, {
      cause: error,
    });
  });
  const { createSqliteStore } = await import('@optio-ts/seed-engine/sqlite');
  const store = createSqliteStore(place);
  return { store, close: () => store[Symbol.asyncDispose]() };
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw new WorkerError('STORE_UNREACHABLE', `cannot look for ${path}: ${reasonOf(error)}`, { cause: error });
  }
}
