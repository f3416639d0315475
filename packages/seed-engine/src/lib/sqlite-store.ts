import { resolve } from 'node:path';

import { assembleStore } from './assemble-store.ts';
import { matches } from './document-order.ts';
import type { DocumentParts, StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { decodeFields, encodeFields } from './sqlite-json.ts';
import type { DocumentRow, DocumentWrite } from './sqlite-protocol.ts';
import { createSqliteThread, type CallSqlite, type SqliteThread } from './sqlite-thread.ts';
import { checkPrefix } from './store-arguments.ts';
import { putTogether, type StoreBackend } from './store-backend.ts';
import { blobNotFound, blobNotOwned, documentExists, documentNotFound, revisionConflict } from './store-errors.ts';
import type { Collection, Store } from './store.ts';

/** Options of `createSqliteStore`. */
export interface CreateSqliteStoreOptions {
  /** In front of every collection's name. @default 'optio' */
  readonly prefix?: string;
  /** The clock, for intents. @default the system's */
  readonly now?: () => Date;
}

// Documents are read in batches of so many while a list is gone through.
const listBatch = 50;

/**
 * A store in one SQLite file, made when it is first used, 0600. Several processes may use the file at once: it is in
 * WAL mode, and each waits up to 15 s for the others. The database works in a thread of its own.
 */
export function createSqliteStore(path: string, options: CreateSqliteStoreOptions = {}): Store {
  if (path === '' || path === ':memory:') {
    throw new TypeError('A SQLite store needs the path of a file');
  }
  const now = options.now ?? (() => new Date());
  const file = resolve(path);
  const backend = new SqliteBackend(file, checkPrefix(options.prefix ?? 'optio'), createSqliteThread(file, file), now);
  return assembleStore(backend, now);
}

class SqliteBackend implements StoreBackend {
  readonly description: string;
  readonly prefix: string;
  readonly chunkBytes = 524_288;
  readonly #thread: SqliteThread;
  readonly #call: CallSqlite;
  readonly #now: () => Date;
  readonly #indexed = new Set<string>();
  #isClosing = false;

  constructor(path: string, prefix: string, thread: SqliteThread, now: () => Date) {
    this.description = path;
    this.prefix = prefix;
    this.#thread = thread;
    this.#call = thread.call;
    this.#now = now;
  }

  async get(collection: Collection, id: string): Promise<StoredDocument | undefined> {
    const [row] = await this.#call('get', this.#name(collection), [id]);
    return row && this.#read(collection, row);
  }

  async insert(collection: Collection, parts: DocumentParts): Promise<StoredDocument> {
    await this.#ensureIndexes(collection);
    const result = await this.#call('insert', this.#write(collection, parts));
    if (result === 'exists') throw documentExists(this.description, collection.name, parts.id);
    if (result !== 'done') throw blobNotOwned(this.description, result.notOwned, parts.id);
    return putTogether(parts.id, 1, structuredClone(parts.fields));
  }

  async replace(collection: Collection, parts: DocumentParts, revision: number): Promise<StoredDocument> {
    const result = await this.#call('replace', this.#write(collection, parts), revision);
    if (result === 'missing') throw documentNotFound(this.description, collection.name, parts.id);
    if (result === 'conflict') {
      throw revisionConflict(this.description, collection.name, parts.id, revision);
    }
    if (result !== 'done') throw blobNotOwned(this.description, result.notOwned, parts.id);
    return putTogether(parts.id, revision + 1, structuredClone(parts.fields));
  }

  async remove(collection: Collection, id: string, revision: number | undefined): Promise<boolean> {
    const result = await this.#call('remove', this.#name(collection), id, revision);
    if (result === 'conflict') {
      throw revisionConflict(this.description, collection.name, id, revision ?? 0);
    }
    return result === 'done';
  }

  async *list(collection: Collection, options: Parameters<StoreBackend['list']>[1]): AsyncGenerator<StoredDocument> {
    const ids = await this.#call('list', this.#name(collection), options);
    for (let index = 0; index < ids.length; index += listBatch) {
      const batch = ids.slice(index, index + listBatch);
      for (const row of await this.#call('get', this.#name(collection), batch)) {
        const document = this.#read(collection, row);
        // It may have changed since its id was selected.
        if (matches(document, options.where)) yield document;
      }
    }
  }

  async announceBlob({
    id,
    collection,
    ownerId,
    name,
    metadata,
  }: Parameters<StoreBackend['announceBlob']>[0]): ReturnType<StoreBackend['announceBlob']> {
    await this.#call('announce', id, this.#name(collection), ownerId, this.#now().getTime());
    let n = 0;
    return {
      id,
      write: async (chunk) => {
        const spare = await this.#call('writeChunk', id, n, chunk, this.#now().getTime());
        if (spare === undefined) throw blobNotFound(this.description, id);
        n += 1;
        return spare;
      },
      finish: async (info) => {
        const blob = { id, name, metadata: encodeFields(metadata), at: this.#now().getTime() };
        if (!(await this.#call('finishBlob', { ...blob, ...info }))) {
          throw blobNotFound(this.description, id);
        }
      },
      discard: async () => {
        await this.#call('discardBlob', id);
      },
    };
  }

  statBlob(id: string): ReturnType<StoreBackend['statBlob']> {
    return this.#call('statBlob', id);
  }

  async *readChunks(id: string): AsyncGenerator<Uint8Array> {
    for (let n = 0; ; n += 1) {
      const chunk = await this.#call('readChunk', id, n);
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  discardBlob(id: string): Promise<boolean> {
    return this.#call('discardBlob', id);
  }

  async sweep(olderThan: Date): ReturnType<StoreBackend['sweep']> {
    const report = await this.#call('sweep', olderThan.getTime());
    // Each step is a call of its own: who closes the store would otherwise come between two of them.
    while (!this.#isClosing && (await this.#call('giveBack')));
    return report;
  }

  close(): Promise<void> {
    this.#isClosing = true;
    return this.#thread.close();
  }

  async #ensureIndexes({ name, indexes = [] }: Collection): Promise<void> {
    if (this.#indexed.has(name)) return;
    if (indexes.length > 0) await this.#call('ensureIndexes', indexes);
    this.#indexed.add(name);
  }

  #name({ name }: Collection): string {
    return `${this.prefix}_${name}`;
  }

  #write(collection: Collection, { id, fields, blobs }: DocumentParts): DocumentWrite {
    return { collection: this.#name(collection), id, body: encodeFields(fields), blobs };
  }

  #read(collection: Collection, { id, revision, body }: DocumentRow): StoredDocument {
    try {
      return putTogether(id, revision, decodeFields(body));
    } catch (cause) {
      throw new SeedEngineError(
        'DOCUMENT_UNREADABLE',
        `Document ${id} of ${collection.name} in ${this.description} is not JSON`,
        { cause },
      );
    }
  }
}
