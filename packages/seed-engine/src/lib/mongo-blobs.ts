import { Binary, ObjectId } from 'mongodb';

import type { MongoCollections, MongoIntent } from './mongo-collections.ts';
import { toKey, toMongo } from './mongo-values.ts';
import type { BlobAnnouncement, BlobSink } from './store-backend.ts';
import { blobNotFound } from './store-errors.ts';
import type { BlobInfo, SweepReport } from './store.ts';

// GridFS's own chunk size. Several go in one round trip.
const gridChunkBytes = 261_120;
const chunksPerTrip = 4;
// How old an intent may become while its upload goes on.
const touchAfterMs = 30_000;

/** Blobs in the default bucket of GridFS, and the intents that announce them. */
export class MongoBlobs {
  static readonly chunkBytes: number = gridChunkBytes * chunksPerTrip;
  readonly #collections: MongoCollections;
  readonly #description: string;
  readonly #prefix: string;
  readonly #now: () => Date;

  constructor(collections: MongoCollections, description: string, prefix: string, now: () => Date) {
    this.#collections = collections;
    this.#description = description;
    this.#prefix = prefix;
    this.#now = now;
  }

  async announce(announcement: BlobAnnouncement): Promise<BlobSink> {
    const { id, collection, ownerId, name, metadata } = announcement;
    const { intents, files, chunks } = this.#collections;
    await this.#collections.bucket();
    const blob = new ObjectId(id);
    const intent = this.#intent('upload', blob, collection.name, ownerId);
    await intents.insertOne(intent);
    let n = 0;
    let touchedAt = intent.at.getTime();
    const touch = async (isWhole: boolean): Promise<void> => {
      const at = this.#now();
      touchedAt = at.getTime();
      const { matchedCount } = await intents.updateOne(
        { _id: intent._id, isClaimed: { $ne: true } },
        { $set: isWhole ? { at, isWhole } : { at } },
      );
      if (matchedCount === 0) throw blobNotFound(this.#description, id);
    };
    return {
      id,
      write: async (chunk) => {
        if (this.#now().getTime() - touchedAt >= touchAfterMs) await touch(false);
        const pieces = [];
        for (let offset = 0; offset < chunk.length; offset += gridChunkBytes) {
          const data = new Binary(chunk.subarray(offset, offset + gridChunkBytes));
          pieces.push({ files_id: blob, n, data });
          n += 1;
        }
        await chunks.insertMany(pieces);
        return chunk; // The driver has copied and sent it.
      },
      finish: async ({ sizeBytes, sha256 }) => {
        await files.insertOne({
          _id: blob,
          length: sizeBytes,
          chunkSize: gridChunkBytes,
          uploadDate: this.#now(),
          filename: name,
          metadata: { ...toMongo(metadata), prefix: this.#prefix, name, sha256 },
        });
        await touch(true);
      },
      discard: async () => {
        await this.drop(blob);
        await intents.deleteOne({ _id: intent._id });
      },
    };
  }

  async stat(id: string): Promise<BlobInfo | undefined> {
    await this.#collections.checkFormat();
    const file = await this.#collections.files.findOne({ _id: new ObjectId(id) });
    if (file === null) return undefined;
    const sha256 = file.metadata?.sha256;
    const sizeBytes = Number(file.length);
    return typeof sha256 === 'string' ? { sizeBytes, sha256 } : { sizeBytes };
  }

  async *read(id: string): AsyncGenerator<Uint8Array> {
    const cursor = this.#collections.chunks.find(
      { files_id: new ObjectId(id) },
      { sort: { n: 1 }, batchSize: chunksPerTrip },
    );
    let expected = 0;
    for await (const { n, data } of cursor) {
      if (n !== expected) return; // What is missing shows in the size.
      expected += 1;
      if (data instanceof Binary) yield data.buffer.subarray(0, data.position);
      else if (data instanceof Uint8Array) yield data;
    }
  }

  /**
   * Takes the uploads of a document's blobs for settling: from here no sweep may have them. Returns the first blob
   * that cannot be named, because it is not whole, not this document's, or being removed.
   */
  async take(collection: string, owner: string, blobs: readonly string[]): Promise<string | undefined> {
    for (const blob of blobs) {
      const { matchedCount } = await this.#collections.intents.updateOne(
        {
          kind: 'upload',
          blob: new ObjectId(blob),
          collection,
          owner,
          isWhole: true,
          isClaimed: { $ne: true },
        },
        { $set: { at: this.#now() } },
      );
      if (matchedCount === 0) return blob;
    }
    return undefined;
  }

  /** The document is written: its blobs need no intent any more. One that stays is dropped by a sweep. */
  async settle(blobs: readonly string[]): Promise<void> {
    if (blobs.length === 0) return;
    const ids = blobs.map((blob) => new ObjectId(blob));
    await this.#collections.intents.deleteMany({ kind: 'upload', blob: { $in: ids } }).catch(() => {});
  }

  /** Announces that blobs are going to be removed. */
  async announceRemoval(collection: string, owner: string, blobs: readonly string[]): Promise<BlobRemoval> {
    const intents = blobs.map((blob) => this.#intent('removal', new ObjectId(blob), collection, owner));
    if (intents.length > 0) {
      await this.#collections.bucket();
      await this.#collections.intents.insertMany(intents);
    }
    const forget = async (): Promise<void> => {
      if (intents.length === 0) return;
      await this.#collections.intents.deleteMany({ _id: { $in: intents.map(({ _id }) => _id) } });
    };
    return {
      cancel: forget,
      carryOut: async () => {
        // The document has changed already. What fails here stays announced, and a sweep does it.
        try {
          for (const { blob } of intents) await this.drop(blob);
          await forget();
        } catch {}
      },
    };
  }

  /** Removes a blob that no document names. */
  async discard(id: string): Promise<boolean> {
    await this.#collections.checkFormat();
    const intent = await this.#collections.intents.findOne({
      kind: 'upload',
      blob: new ObjectId(id),
    });
    return intent !== null && (await this.#finishIntent(intent)) === 'removed';
  }

  async sweep(olderThan: Date): Promise<SweepReport> {
    await this.#collections.checkFormat();
    let removedBlobs = 0;
    let keptBlobs = 0;
    for await (const intent of this.#collections.intents.find({ at: { $lte: olderThan } })) {
      const end = await this.#finishIntent(intent);
      if (end === 'removed') removedBlobs += 1;
      if (end === 'kept') keptBlobs += 1;
    }
    const youngIntents = await this.#collections.intents.countDocuments({ at: { $gt: olderThan } });
    return { removedBlobs, keptBlobs, youngIntents };
  }

  /** The file first: from then on nobody sees the blob. */
  async drop(blob: ObjectId): Promise<boolean> {
    const { deletedCount } = await this.#collections.files.deleteOne({ _id: blob });
    const pieces = await this.#collections.chunks.deleteMany({ files_id: blob });
    return deletedCount > 0 || pieces.deletedCount > 0;
  }

  /** Carries out what an intent announced, unless its document names the blob after all. */
  async #finishIntent(intent: MongoIntent): Promise<'removed' | 'kept' | 'taken'> {
    const { intents } = this.#collections;
    const { matchedCount } = await intents.updateOne(
      { _id: intent._id, at: intent.at },
      { $set: { isClaimed: true, at: this.#now() } },
    );
    if (matchedCount === 0) return 'taken'; // It went on, or another sweep has it.
    const owner = await this.#collections.named(intent.collection).findOne({ _id: toKey(intent.owner) });
    const isNamed = owner !== null && namesBlob(owner, intent.blob);
    if (!isNamed) await this.drop(intent.blob);
    await intents.deleteOne({ _id: intent._id });
    return isNamed ? 'kept' : 'removed';
  }

  #intent(kind: MongoIntent['kind'], blob: ObjectId, collection: string, owner: string): MongoIntent {
    return { _id: new ObjectId(), kind, blob, collection, owner, at: this.#now() };
  }
}

/** A removal that was announced. */
export interface BlobRemoval {
  cancel(): Promise<void>;
  carryOut(): Promise<void>;
}

/** Looks for the ObjectId itself: a document of somebody else's must not make a sweep fail. */
function namesBlob(value: unknown, blob: ObjectId): boolean {
  if (value instanceof ObjectId) return value.equals(blob);
  if (Array.isArray(value)) return value.some((item) => namesBlob(item, blob));
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, item]) => key !== '_id' && namesBlob(item, blob));
}
