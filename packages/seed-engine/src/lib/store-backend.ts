import type { DocumentFields, DocumentParts, DocumentValue, StoredDocument } from './document.ts';
import type { BlobInfo, Collection, ListOptions, SweepReport } from './store.ts';

/** A blob on its way in, in chunks of at most `StoreBackend.chunkBytes`. */
export interface BlobSink {
  readonly id: string;
  /** Takes the chunk over. Gives its memory back, to be used again, where it can. */
  write(chunk: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Makes the blob visible. */
  finish(info: Required<BlobInfo>): Promise<void>;
  /** Removes all that was written, and the intent last. */
  discard(): Promise<void>;
}

/** What is announced before a blob's first byte. */
export interface BlobAnnouncement {
  readonly id: string;
  readonly collection: Collection;
  readonly ownerId: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, DocumentValue>>;
}

/**
 * What differs between stores. `assembleStore` makes a `Store` of it: it checks arguments, cuts and hashes blobs,
 * verifies what is read and guards against use after disposal.
 */
export interface StoreBackend {
  readonly description: string;
  readonly prefix: string;
  /** The size of the chunks it wants, in bytes. */
  readonly chunkBytes: number;
  get(collection: Collection, id: string): Promise<StoredDocument | undefined>;
  insert(collection: Collection, parts: DocumentParts): Promise<StoredDocument>;
  replace(collection: Collection, parts: DocumentParts, revision: number): Promise<StoredDocument>;
  remove(collection: Collection, id: string, revision: number | undefined): Promise<boolean>;
  list(collection: Collection, options: ListOptions): AsyncIterable<StoredDocument>;
  announceBlob(announcement: BlobAnnouncement): Promise<BlobSink>;
  statBlob(id: string): Promise<BlobInfo | undefined>;
  readChunks(id: string): AsyncIterable<Uint8Array>;
  discardBlob(id: string): Promise<boolean>;
  sweep(olderThan: Date): Promise<SweepReport>;
  close(): Promise<void>;
}

/** Puts a document together again. */
export function putTogether(id: string, revision: number, fields: DocumentFields): StoredDocument {
  return { ...fields, id, revision };
}
