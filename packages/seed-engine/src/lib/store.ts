import type { Bytes } from '@optio-ts/host-core';

import type { DocumentValue, NewDocument, StoredDocument } from './document.ts';

/** A named set of documents. */
export interface Collection {
  /** Without the store's prefix, which is added as `{prefix}_{name}`. Letters, digits, `_` and `-`. */
  readonly name: string;
  /** Made by the store when the collection is first written to. */
  readonly indexes?: readonly CollectionIndex[];
}

/** An index over fields of a collection. */
export interface CollectionIndex {
  /** Unique in the store. */
  readonly name: string;
  /** In the order of the index. */
  readonly fields: readonly SortField[];
}

/** A field to sort by. `id` is the document's id. */
export type SortField = readonly [field: string, direction: 'asc' | 'desc'];

/** Options of `Store.list`. */
export interface ListOptions {
  /** Only documents whose fields equal these. `id` may be one of them. @default all documents */
  readonly where?: Readonly<Record<string, string | number | boolean>>;
  /**
   * In this order; ties are in ascending order of id. A document without the field comes first in `asc`. A field's
   * values should be of one type. @default by id
   */
  readonly orderBy?: readonly SortField[];
  /** At most so many. @default no limit */
  readonly limit?: number;
}

/** Which document a blob is written for. The document need not exist yet. */
export interface BlobOwner {
  readonly collection: Collection;
  readonly id: string;
}

/** Options of `Store.writeBlob`. */
export interface WriteBlobOptions {
  /** Only this document may name the blob. */
  readonly owner: BlobOwner;
  /** For people: the file name in GridFS. */
  readonly name: string;
  /** Kept beside the blob. The store adds its prefix and the name. @default nothing */
  readonly metadata?: Readonly<Record<string, DocumentValue>>;
  /** Read once, chunk by chunk. What it throws ends the upload and is thrown as it is. */
  readonly content: Bytes;
  /** Ends the upload with `ABORTED`; nothing of it stays. */
  readonly abortSignal?: AbortSignal;
}

/** A blob that was written whole. */
export interface StoredBlob {
  /** 24 hex digits; a document names it as `{ blob: id }`. */
  readonly id: string;
  readonly sizeBytes: number;
  /** Of the bytes as stored, in hex. */
  readonly sha256: string;
}

/** What is known of a blob without reading it. */
export interface BlobInfo {
  readonly sizeBytes: number;
  /** In hex. Absent for a blob of the original, which kept none. */
  readonly sha256?: string;
}

/** Options of `Store.readBlob`. */
export interface ReadBlobOptions {
  /** Ends the download with `ABORTED`. */
  readonly abortSignal?: AbortSignal;
}

/** Options of `Store.remove`. */
export interface RemoveOptions {
  /** Only when the document still has this revision; else `REVISION_CONFLICT`. @default any */
  readonly revision?: number;
}

/** Options of `Store.sweep`. */
export interface SweepOptions {
  /**
   * Leave uploads and removals alone that were announced, or went on, less than this many milliseconds ago.
   * @default 86_400_000 (24 h)
   */
  readonly olderThanMs?: number;
}

/** What a sweep did. */
export interface SweepReport {
  /** Blobs that no document names and never will, now gone. */
  readonly removedBlobs: number;
  /** Intents whose blob turned out to be named by its document: dropped, the blob kept. */
  readonly keptBlobs: number;
  /** Intents younger than `olderThanMs`, left alone. */
  readonly youngIntents: number;
}

/**
 * Documents, changed by compare-and-swap, and blobs, each owned by exactly one document.
 *
 * A blob is announced by an intent before its first byte is written, can be read once it is whole, and is settled
 * when a document that names it is written. It is removed with that document, or when a change no longer names it. A
 * process that dies anywhere on that way leaves an intent, and `sweep` removes what it announced.
 *
 * Every error is a `SeedEngineError`: beside those named below, `STORE_FAILED`, `STORE_BUSY`, `STORE_CORRUPT`,
 * `STORE_TOO_NEW` (written by a newer version of this package) and `DISPOSED`. A caller's mistake is a `TypeError`
 * before any I/O.
 */
export interface Store extends AsyncDisposable {
  /** For messages: the path of the file, or the name of the database. Never holds a secret. */
  readonly description: string;
  /** In front of every collection's name. */
  readonly prefix: string;
  /** Reads a document; `undefined` where there is none. Throws `DOCUMENT_UNREADABLE` for a value of a foreign type. */
  get(collection: Collection, id: string): Promise<StoredDocument | undefined>;
  /**
   * Writes a new document, at revision 1, and settles the blobs it names. Throws `DOCUMENT_EXISTS`, and
   * `BLOB_NOT_FOUND` for a blob that is not whole, was swept, or was written for another document.
   */
  insert(collection: Collection, document: NewDocument): Promise<StoredDocument>;
  /**
   * Writes a document over the one with its id and revision, as the next revision. Blobs that it no longer names are
   * removed. Throws `REVISION_CONFLICT` when somebody else changed it, `DOCUMENT_NOT_FOUND`, and `BLOB_NOT_FOUND` as
   * `insert` does.
   */
  replace(collection: Collection, document: StoredDocument): Promise<StoredDocument>;
  /** Removes a document and then its blobs; `false` where there is none. Throws `REVISION_CONFLICT`. */
  remove(collection: Collection, id: string, options?: RemoveOptions): Promise<boolean>;
  /** Goes through documents, some at a time. One that is added or removed meanwhile may or may not be among them. */
  list(collection: Collection, options?: ListOptions): AsyncIterable<StoredDocument>;
  /** Writes a blob. Throws `ABORTED`, and whatever `content` throws; then nothing of it stays. */
  writeBlob(options: WriteBlobOptions): Promise<StoredBlob>;
  /** What is known of a blob; `undefined` where there is none, or only a part of one. */
  statBlob(id: string): Promise<BlobInfo | undefined>;
  /**
   * Reads a blob. Throws while iterated: `BLOB_NOT_FOUND`, `ABORTED`, and `BLOB_CORRUPT` at the end when its size or
   * digest is not what was written: so nothing is to be believed before the end.
   */
  readBlob(id: string, options?: ReadBlobOptions): Bytes;
  /**
   * Removes a blob that was written but is named by no document: the way back when the document could not be written.
   */
  discardBlob(id: string): Promise<boolean>;
  /**
   * Removes what old intents announced and nothing else: bucket and database are shared with others. A store that is one file gives the
   * space of what was removed back to the disk, some at a time: nobody waits for it.
   */
  sweep(options?: SweepOptions): Promise<SweepReport>;
  /** Closes what the store itself opened. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}
