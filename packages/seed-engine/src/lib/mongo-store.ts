import type { Db, Filter } from 'mongodb';

import { assembleStore } from './assemble-store.ts';
import { namedBlobs, type DocumentParts, type StoredDocument } from './document.ts';
import { MongoBlobs } from './mongo-blobs.ts';
import { asStoreError, isDuplicateKey, MongoCollections, type MongoDocument } from './mongo-collections.ts';
import { fromKey, fromMongo, toKey, toMongo, type MongoKey } from './mongo-values.ts';
import { checkPrefix } from './store-arguments.ts';
import { putTogether, type BlobSink, type StoreBackend } from './store-backend.ts';
import { blobNotOwned, documentExists, documentNotFound, revisionConflict } from './store-errors.ts';
import type { Collection, ListOptions, Store } from './store.ts';

/** Options of `createMongoStore`. */
export interface CreateMongoStoreOptions {
  /** In front of every collection's name. @default 'optio' */
  readonly prefix?: string;
  /** The clock, for intents. @default the system's */
  readonly now?: () => Date;
}

/**
 * A store in a database of the caller's, readable by the original and reading what that wrote. Blobs are files of
 * GridFS's default bucket `fs`; ids of 24 hex digits are ObjectIds; a document without `revision` is at revision 0.
 * Needs no replica set. Disposing of it leaves the connection open: it is the caller's.
 */
export function createMongoStore(db: Db, options: CreateMongoStoreOptions = {}): Store {
  const now = options.now ?? (() => new Date());
  const prefix = checkPrefix(options.prefix ?? 'optio');
  return assembleStore(new MongoBackend(db, prefix, now), now);
}

class MongoBackend implements StoreBackend {
  readonly description: string;
  readonly prefix: string;
  readonly chunkBytes: number = MongoBlobs.chunkBytes;
  readonly #collections: MongoCollections;
  readonly #blobs: MongoBlobs;

  constructor(db: Db, prefix: string, now: () => Date) {
    this.description = `the MongoDB database ${db.databaseName}`;
    this.prefix = prefix;
    this.#collections = new MongoCollections(db, prefix, this.description);
    this.#blobs = new MongoBlobs(this.#collections, this.description, prefix, now);
  }

  get(collection: Collection, id: string): Promise<StoredDocument | undefined> {
    return this.#tell(async () => {
      const documents = await this.#collections.reading(collection);
      const found = await documents.findOne({ _id: toKey(id) });
      return found === null ? undefined : this.#read(collection, found);
    });
  }

  insert(collection: Collection, { id, fields, blobs }: DocumentParts): Promise<StoredDocument> {
    return this.#tell(async () => {
      const documents = await this.#collections.writing(collection);
      const notOwned = await this.#blobs.take(collection.name, id, blobs);
      try {
        if (notOwned !== undefined) {
          // That there is such a document is the better reason, if there is.
          const exists = await documents.findOne({ _id: toKey(id) });
          if (exists !== null) throw documentExists(this.description, collection.name, id);
          throw blobNotOwned(this.description, notOwned, id);
        }
        await documents.insertOne({ _id: toKey(id), ...toMongo(fields), revision: 1 });
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        throw documentExists(this.description, collection.name, id);
      }
      await this.#blobs.settle(blobs);
      return putTogether(id, 1, structuredClone(fields));
    });
  }

  replace(collection: Collection, { id, fields, blobs }: DocumentParts, revision: number): Promise<StoredDocument> {
    return this.#tell(async () => {
      const documents = await this.#collections.writing(collection);
      const found = await documents.findOne({ _id: toKey(id) });
      if (found === null) throw documentNotFound(this.description, collection.name, id);
      const current = this.#read(collection, found);
      const conflict = revisionConflict(this.description, collection.name, id, revision);
      if (current.revision !== revision) throw conflict;

      const before = namedBlobs({ ...current });
      const added = blobs.filter((blob) => !before.includes(blob));
      const dropped = before.filter((blob) => !blobs.includes(blob));
      const notOwned = await this.#blobs.take(collection.name, id, added);
      if (notOwned !== undefined) throw blobNotOwned(this.description, notOwned, id);

      const removal = await this.#blobs.announceRemoval(collection.name, id, dropped);
      const { matchedCount } = await documents.replaceOne(atRevision(id, revision), {
        ...toMongo(fields),
        revision: revision + 1,
      });
      if (matchedCount === 0) {
        await removal.cancel();
        throw conflict;
      }
      await this.#blobs.settle(added);
      await removal.carryOut();
      return putTogether(id, revision + 1, structuredClone(fields));
    });
  }

  remove(collection: Collection, id: string, revision: number | undefined): Promise<boolean> {
    return this.#tell(async () => {
      const documents = await this.#collections.reading(collection);
      for (;;) {
        const found = await documents.findOne({ _id: toKey(id) });
        if (found === null) return false;
        const current = this.#read(collection, found);
        if (revision !== undefined && current.revision !== revision) {
          throw revisionConflict(this.description, collection.name, id, revision);
        }
        const blobs = namedBlobs({ ...current });
        const removal = await this.#blobs.announceRemoval(collection.name, id, blobs);
        const { deletedCount } = await documents.deleteOne(atRevision(id, current.revision));
        if (deletedCount > 0) {
          await removal.carryOut();
          return true;
        }
        await removal.cancel(); // Changed since it was read: it may name other blobs now.
      }
    });
  }

  async *list(
    collection: Collection,
    { where = {}, orderBy = [], limit }: ListOptions,
  ): AsyncGenerator<StoredDocument> {
    if (limit === 0) return; // MongoDB takes 0 for "all".
    try {
      const documents = await this.#collections.reading(collection);
      const { id, ...fields } = where;
      const filter: Record<string, unknown> = fields;
      if (id !== undefined) filter['_id'] = typeof id === 'string' ? toKey(id) : id;
      const sort = new Map<string, 1 | -1>();
      for (const [field, direction] of [...orderBy, ['id', 'asc'] as const]) {
        const key = field === 'id' ? '_id' : field;
        if (!sort.has(key)) sort.set(key, direction === 'asc' ? 1 : -1);
      }
      const cursor = documents.find(filter as Filter<MongoDocument>, {
        sort,
        ...(limit === undefined ? {} : { limit }),
      });
      for await (const found of cursor) yield this.#read(collection, found);
    } catch (error) {
      throw asStoreError(error, this.description);
    }
  }

  async announceBlob(announcement: Parameters<StoreBackend['announceBlob']>[0]): Promise<BlobSink> {
    const sink = await this.#tell(() => this.#blobs.announce(announcement));
    return {
      id: sink.id,
      write: (chunk) => this.#tell(() => sink.write(chunk)),
      finish: (info) => this.#tell(() => sink.finish(info)),
      discard: () => this.#tell(() => sink.discard()),
    };
  }

  statBlob(id: string): ReturnType<StoreBackend['statBlob']> {
    return this.#tell(() => this.#blobs.stat(id));
  }

  async *readChunks(id: string): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#blobs.read(id);
    } catch (error) {
      throw asStoreError(error, this.description);
    }
  }

  discardBlob(id: string): Promise<boolean> {
    return this.#tell(() => this.#blobs.discard(id));
  }

  sweep(olderThan: Date): ReturnType<StoreBackend['sweep']> {
    return this.#tell(() => this.#blobs.sweep(olderThan));
  }

  async close(): Promise<void> {}

  async #tell<Result>(operation: () => Promise<Result>): Promise<Result> {
    try {
      return await operation();
    } catch (error) {
      throw asStoreError(error, this.description);
    }
  }

  #read(collection: Collection, { _id, revision, ...fields }: MongoDocument): StoredDocument {
    const id = fromKey(_id);
    return putTogether(id, revision ?? 0, fromMongo(fields, `${collection.name} ${id}`));
  }
}

function atRevision(id: string, revision: number): Filter<MongoDocument> {
  const _id: MongoKey = toKey(id);
  return revision === 0 ? { _id, revision: { $in: [null, 0] } } : { _id, revision };
}
