import type { Bytes } from '@optio-ts/host-core';

import { abortable, abortError, createMeter, inChunks } from './bytes.ts';
import { checkId, isObjectIdText, takeApart } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { createId } from './id.ts';
import { checkCollection, checkListOptions } from './store-arguments.ts';
import type { StoreBackend } from './store-backend.ts';
import { blobCorrupt, blobNotFound } from './store-errors.ts';
import type { ReadBlobOptions, Store, StoredBlob, WriteBlobOptions } from './store.ts';

const sweepAfterMs = 86_400_000;

/** What every store does in the same way, over the few things in which they differ. `now` is the clock of ids and of `sweep`. */
export function assembleStore(backend: StoreBackend, now: () => Date): Store {
  let closing: Promise<void> | undefined;
  const guard = (): void => {
    if (closing !== undefined) {
      throw new SeedEngineError('DISPOSED', `${backend.description} is closed`);
    }
  };

  return {
    description: backend.description,
    prefix: backend.prefix,
    async get(collection, id) {
      checkCollection(collection);
      if (typeof id !== 'string') throw new TypeError('A document id is a string');
      guard();
      return backend.get(collection, id);
    },
    async insert(collection, document) {
      checkCollection(collection);
      if ('revision' in document) throw new TypeError('A new document has no revision yet');
      const parts = takeApart(document);
      guard();
      return backend.insert(collection, parts);
    },
    async replace(collection, document) {
      checkCollection(collection);
      checkRevision(document.revision);
      const parts = takeApart(document);
      guard();
      return backend.replace(collection, parts, document.revision);
    },
    async remove(collection, id, options = {}) {
      checkCollection(collection);
      if (options.revision !== undefined) checkRevision(options.revision);
      if (typeof id !== 'string') throw new TypeError('A document id is a string');
      guard();
      return backend.remove(collection, id, options.revision);
    },
    async *list(collection, options = {}) {
      checkCollection(collection);
      checkListOptions(options);
      guard();
      yield* backend.list(collection, options);
    },
    async writeBlob(options) {
      checkCollection(options.owner.collection);
      checkId(options.owner.id);
      takeApart({ id: 'metadata', ...options.metadata });
      guard();
      return writeBlob(backend, options, now);
    },
    async statBlob(id) {
      guard();
      return isObjectIdText(id) ? backend.statBlob(id) : undefined;
    },
    async *readBlob(id, options = {}) {
      guard();
      yield* readBlob(backend, id, options);
    },
    async discardBlob(id) {
      guard();
      return isObjectIdText(id) && backend.discardBlob(id);
    },
    async sweep({ olderThanMs = sweepAfterMs } = {}) {
      if (!(olderThanMs >= 0)) throw new TypeError('olderThanMs is a number of milliseconds');
      guard();
      return backend.sweep(new Date(now().getTime() - olderThanMs));
    },
    async [Symbol.asyncDispose]() {
      closing ??= backend.close();
      await closing;
    },
  };
}

async function writeBlob(
  backend: StoreBackend,
  { owner, name, metadata, content, abortSignal }: WriteBlobOptions,
  now: () => Date,
): Promise<StoredBlob> {
  if (abortSignal?.aborted === true) throw abortError(abortSignal);
  const id = createId(now());
  const sink = await backend.announceBlob({
    id,
    collection: owner.collection,
    ownerId: owner.id,
    name,
    metadata: metadata ?? {},
  });
  const meter = createMeter();
  try {
    let spare: Uint8Array<ArrayBuffer> | undefined;
    for await (const chunk of inChunks(abortable(content, abortSignal), backend.chunkBytes, () => spare)) {
      meter.update(chunk);
      spare = await sink.write(chunk);
    }
    const info = { sizeBytes: meter.sizeBytes, sha256: meter.digest() };
    await sink.finish(info);
    return { id, ...info };
  } catch (error) {
    // The first error is the one to tell. Should the way back fail as well, the intent stays, and with it the work
    // for a sweep.
    await sink.discard().catch(() => {});
    throw error;
  }
}

async function* readBlob(
  backend: StoreBackend,
  id: string,
  { abortSignal }: ReadBlobOptions,
): AsyncGenerator<Uint8Array> {
  const info = isObjectIdText(id) ? await backend.statBlob(id) : undefined;
  if (info === undefined) throw blobNotFound(backend.description, id);
  const meter = createMeter();
  const chunks: Bytes = backend.readChunks(id);
  for await (const chunk of abortable(chunks, abortSignal)) {
    meter.update(chunk);
    if (meter.sizeBytes > info.sizeBytes) break;
    yield chunk;
  }
  const { sizeBytes } = meter;
  if (sizeBytes === info.sizeBytes && (info.sha256 === undefined || info.sha256 === meter.digest())) return;
  // It may have been removed under our hands: that is no damage.
  if ((await backend.statBlob(id)) === undefined) throw blobNotFound(backend.description, id);
  throw blobCorrupt(
    backend.description,
    id,
    sizeBytes === info.sizeBytes
      ? 'its SHA-256 is not the one it was written with'
      : `${info.sizeBytes} bytes were written, ${sizeBytes > info.sizeBytes ? 'more' : sizeBytes} are there`,
  );
}

function checkRevision(revision: unknown): void {
  if (!Number.isInteger(revision)) throw new TypeError('A revision is a whole number');
}
