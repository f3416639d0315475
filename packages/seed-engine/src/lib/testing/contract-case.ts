import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';

import type { Bytes } from '@optio-ts/host-core';

import { SeedEngineError, type SeedEngineErrorCode } from '../errors.ts';
import { createId } from '../id.ts';
import type { Collection, Store, StoredBlob } from '../store.ts';

/** One promise of a port and how to see whether it is kept: it rejects when it is not. Free of any test runner. */
export interface ContractCase<Subject> {
  /** The promise, as a sentence in the present tense. */
  readonly name: string;
  readonly run: (subject: Subject) => Promise<void>;
}

/** What `storeContract` runs on. Its cases leave documents behind and sweep: give them a store of their own. */
export interface StoreContractSubject {
  readonly store: Store;
  /** The same data opened another time, as another process would; where that cannot be, the same store. */
  readonly other: Store;
  /** Opens a store that the case disposes of. */
  readonly open: () => Store;
}

/** A case of `storeContract`. */
export type StoreCase = ContractCase<StoreContractSubject>;

/** A collection that nobody has used. */
export function freshCollection(): Collection {
  return { name: `contract_${createId()}` };
}

/** Rejects unless the operation fails with this code. */
export async function rejectsWith(code: SeedEngineErrorCode, operation: Promise<unknown>): Promise<void> {
  await assert.rejects(operation, (error) => {
    assert.ok(SeedEngineError.is(error), `expected a SeedEngineError, got ${String(error)}`);
    assert.equal(error.code, code);
    return true;
  });
}

/** Reads a stream to its end. */
export async function readAll(content: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** All items of a list. */
export async function listAll<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/**
 * A stream of these pieces.
 *
 * @yields each as bytes
 */
export async function* stream(...pieces: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
}

/** Bytes that look random and are the same every time. */
export function noise(sizeBytes: number, seed = 1): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

/** Writes a small blob for a document. */
export function writeSmall(store: Store, collection: Collection, id: string, text = 'content'): Promise<StoredBlob> {
  return store.writeBlob({ owner: { collection, id }, name: 'part', content: stream(text) });
}
