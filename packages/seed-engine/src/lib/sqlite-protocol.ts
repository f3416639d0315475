import type { SeedEngineErrorCode } from './errors.ts';
import type { CollectionIndex, ListOptions, SweepReport } from './store.ts';

// What passes between the store and its thread. Documents travel as the JSON they are stored as.

/** A document's row. */
export interface DocumentRow {
  readonly id: string;
  readonly revision: number;
  readonly body: string;
}

/** A document to be written. */
export interface DocumentWrite {
  readonly collection: string;
  readonly id: string;
  readonly body: string;
  readonly blobs: readonly string[];
}

/** A blob's row, without what the intent knows. */
interface BlobWrite {
  readonly id: string;
  readonly name: string;
  readonly metadata: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly at: number;
}

/** The operations of the thread: every one a single transaction. */
export interface SqliteOperations {
  ensureIndexes(indexes: readonly CollectionIndex[]): void;
  get(collection: string, ids: readonly string[]): readonly DocumentRow[];
  list(collection: string, options: ListOptions): readonly string[];
  insert(document: DocumentWrite): 'done' | 'exists' | { readonly notOwned: string };
  replace(document: DocumentWrite, revision: number): 'done' | 'conflict' | 'missing' | { readonly notOwned: string };
  remove(collection: string, id: string, revision: number | undefined): 'done' | 'conflict' | 'missing';
  announce(blob: string, collection: string, owner: string, at: number): void;
  /** Hands the memory of the chunk back; `undefined` when the intent was swept meanwhile. */
  writeChunk(blob: string, n: number, data: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> | undefined;
  finishBlob(blob: BlobWrite): boolean;
  statBlob(blob: string): { readonly sizeBytes: number; readonly sha256: string } | undefined;
  readChunk(blob: string, n: number): Uint8Array | undefined;
  discardBlob(blob: string): boolean;
  sweep(olderThan: number): SweepReport;
  /** Gives some of the space that nothing uses back to the disk; `false` when there was none. */
  giveBack(): boolean;
}

/** A call of one operation. */
export interface SqliteRequest {
  readonly call: number;
  readonly operation: keyof SqliteOperations;
  readonly parameters: readonly unknown[];
}

/** Its answer. */
export type SqliteReply =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly failure: SqliteFailure };

/** An error, as data: classes do not survive the way between threads. */
export interface SqliteFailure {
  readonly code: SeedEngineErrorCode;
  readonly message: string;
  /** The format of a file that is too new. */
  readonly format?: number;
}

/**
 * The buffers among these values, to be handed over instead of copied: chunks of blobs, which nobody reads again on the
 * side that they leave.
 */
export function ownedBuffers(values: readonly unknown[]): ArrayBuffer[] {
  return values.flatMap((value) => {
    const isOwner = value instanceof Uint8Array && value.byteLength === value.buffer.byteLength;
    return isOwner && value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
  });
}
