import type { Collection as MongoCollection, CollectionOptions, Db, ObjectId } from 'mongodb';

import { SeedEngineError } from './errors.ts';
import type { MongoKey } from './mongo-values.ts';
import { storeTooNew } from './store-errors.ts';
import type { Collection } from './store.ts';

/** The format this version writes and reads, kept as a document beside the intents. */
const mongoFormat = 1;

/** A document of a store. */
export interface MongoDocument {
  readonly _id: MongoKey;
  readonly revision?: number | null;
  readonly [field: string]: unknown;
}

/** An announced upload or removal of a blob. */
export interface MongoIntent {
  readonly _id: ObjectId | string;
  readonly kind: 'upload' | 'removal';
  readonly blob: ObjectId;
  /** Without prefix. */
  readonly collection: string;
  readonly owner: string;
  readonly at: Date;
  /** The upload is at its end. */
  readonly isWhole?: boolean;
  /** Somebody has begun to remove it: it can no longer be settled. */
  readonly isClaimed?: boolean;
}

/** A file of GridFS. */
export interface MongoFile {
  readonly _id: ObjectId;
  readonly length: number;
  readonly chunkSize: number;
  readonly uploadDate: Date;
  readonly filename: string;
  readonly metadata?: { readonly sha256?: unknown; readonly [key: string]: unknown };
}

/** A piece of one. */
export interface MongoChunk {
  readonly files_id: ObjectId;
  readonly n: number;
  readonly data: unknown;
}

// A store decides by what it reads and must not lose what it was told is written, whatever the caller's `Db` prefers.
const collectionOptions: CollectionOptions = {
  readPreference: 'primary',
  writeConcern: { w: 'majority' },
  promoteValues: true,
  promoteLongs: true,
  promoteBuffers: true,
  useBigInt64: false,
  ignoreUndefined: false,
  raw: false,
};

/** The collections of a store, made ready on the way. */
export class MongoCollections {
  readonly intents: MongoCollection<MongoIntent>;
  readonly files: MongoCollection<MongoFile>;
  readonly chunks: MongoCollection<MongoChunk>;
  readonly #db: Db;
  readonly #prefix: string;
  readonly #description: string;
  readonly #indexed = new Map<string, Promise<void>>();
  #checked: Promise<void> | undefined;

  constructor(db: Db, prefix: string, description: string) {
    this.#db = db;
    this.#prefix = prefix;
    this.#description = description;
    this.intents = db.collection(`${prefix}_blob_intents`, collectionOptions);
    this.files = db.collection('fs.files', collectionOptions);
    this.chunks = db.collection('fs.chunks', collectionOptions);
  }

  /** A collection to read from. */
  async reading({ name }: Collection): Promise<MongoCollection<MongoDocument>> {
    await this.checkFormat();
    return this.named(name);
  }

  /** A collection to write to: its indexes are there. */
  async writing({ name, indexes = [] }: Collection): Promise<MongoCollection<MongoDocument>> {
    await this.checkFormat();
    const collection = this.named(name);
    await this.#once(`${this.#prefix}_${name}`, async () => {
      for (const index of indexes) {
        const key = index.fields.map(
          ([field, direction]) => [field === 'id' ? '_id' : field, direction === 'asc' ? 1 : -1] as const,
        );
        await collection.createIndex(new Map(key), { name: index.name }, {});
      }
    });
    return collection;
  }

  named(name: string): MongoCollection<MongoDocument> {
    return this.#db.collection(`${this.#prefix}_${name}`, collectionOptions);
  }

  /** The bucket and the intents, with the indexes that GridFS asks for. */
  async bucket(): Promise<void> {
    await this.checkFormat();
    await this.#once('fs', async () => {
      await this.intents.updateOne(
        { _id: 'format' },
        { $setOnInsert: { version: mongoFormat } as object },
        { upsert: true },
      );
      await Promise.all([
        this.intents.createIndex({ blob: 1 }, {}, {}),
        this.intents.createIndex({ at: 1 }, {}, {}),
        this.files.createIndex({ filename: 1, uploadDate: 1 }, {}, {}),
        this.chunks.createIndex({ files_id: 1, n: 1 }, { unique: true }, {}),
      ]);
    });
  }

  async checkFormat(): Promise<void> {
    this.#checked ??= this.#readFormat();
    try {
      await this.#checked;
    } catch (error) {
      this.#checked = undefined; // Asked again the next time: the server may be back.
      throw error;
    }
  }

  async #readFormat(): Promise<void> {
    const found = await this.intents.findOne<{ version?: unknown }>({ _id: 'format' });
    const version = Number(found?.version ?? mongoFormat);
    if (version > mongoFormat) throw storeTooNew(this.#description, version, mongoFormat);
  }

  async #once(key: string, prepare: () => Promise<void>): Promise<void> {
    let ready = this.#indexed.get(key);
    if (ready === undefined) this.#indexed.set(key, (ready = prepare()));
    try {
      await ready;
    } catch (error) {
      this.#indexed.delete(key);
      throw error;
    }
  }
}

/** Whether an insert failed because its key is taken. */
export function isDuplicateKey(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === 11_000;
}

/** An error of the driver as one of ours; ours stay as they are. */
export function asStoreError(error: unknown, description: string): Error {
  if (SeedEngineError.is(error) || error instanceof TypeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SeedEngineError('STORE_FAILED', `${description}: ${message}`, { cause: error });
}
