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
  /** As `Store.get`. */
  get(collection: Collection, id: string): Promise<StoredDocument | undefined>;
  /** As `Store.insert`. A blob that it names must be whole and announced for it; its intent goes once the document is written. */
  insert(collection: Collection, parts: DocumentParts): Promise<StoredDocument>;
  /** As `Store.replace`, from this revision alone. What is no longer named is announced before, and removed after. */
  replace(collection: Collection, parts: DocumentParts, revision: number): Promise<StoredDocument>;
  /** As `Store.remove`; without a revision, whichever it has. */
  remove(collection: Collection, id: string, revision: number | undefined): Promise<boolean>;
  /** As `Store.list`, in the order of `compareDocuments`. */
  list(collection: Collection, options: ListOptions): AsyncIterable<StoredDocument>;
  /** Writes the intent, before any byte. */
  announceBlob(announcement: BlobAnnouncement): Promise<BlobSink>;
  /** As `Store.statBlob`: knows whole blobs only. */
  statBlob(id: string): Promise<BlobInfo | undefined>;
  /** The chunks of a blob; ends early where it is removed meanwhile. */
  readChunks(id: string): AsyncIterable<Uint8Array>;
  /** As `Store.discardBlob`. */
  discardBlob(id: string): Promise<boolean>;
  /** As `Store.sweep`, of intents that have not changed since then. */
  sweep(olderThan: Date): Promise<SweepReport>;
  /** Closes what the store itself opened. Called once. */
  close(): Promise<void>;
}

/** Puts a document together again. */
export function putTogether(id: string, revision: number, fields: DocumentFields): StoredDocument {
  return { ...fields, id, revision };
}
