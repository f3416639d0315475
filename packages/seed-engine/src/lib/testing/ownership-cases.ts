import assert from 'node:assert/strict';

import { createId } from '../id.ts';
import { freshCollection, readAll, rejectsWith, stream, type StoreCase, writeSmall } from './contract-case.ts';

const everything = { olderThanMs: 0 };

/** What a store promises of blobs and the documents that own them. */
export const ownershipCases: readonly StoreCase[] = [
  {
    name: 'never sweeps a blob that a document names',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const id = createId();
      const blob = await writeSmall(store, collection, id);
      await store.insert(collection, { id, part: { blob: blob.id } });
      await other.sweep(everything);
      assert.equal(String(await readAll(store.readBlob(blob.id))), 'content');
      assert.deepEqual((await other.get(collection, id))?.['part'], { blob: blob.id });
    },
  },
  {
    name: 'sweeps a blob that no document came to name',
    run: async ({ store, other }) => {
      await store.sweep(everything);
      const blob = await writeSmall(store, freshCollection(), createId());
      assert.equal((await other.sweep(everything)).removedBlobs, 1);
      await rejectsWith('BLOB_NOT_FOUND', readAll(store.readBlob(blob.id)));
      assert.equal(await store.statBlob(blob.id), undefined);
    },
  },
  {
    name: 'leaves young uploads alone, and counts them',
    run: async ({ store }) => {
      await store.sweep(everything);
      const blob = await writeSmall(store, freshCollection(), createId());
      const report = { removedBlobs: 0, keptBlobs: 0, youngIntents: 1 };
      assert.deepEqual(await store.sweep(), report);
      assert.deepEqual(await store.sweep({ olderThanMs: 60_000 }), report);
      assert.equal(String(await readAll(store.readBlob(blob.id))), 'content');
    },
  },
  {
    name: 'refuses a document that names a swept blob',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const blob = await writeSmall(store, collection, id);
      await store.sweep(everything);
      const document = { id, part: { blob: blob.id } };
      await rejectsWith('BLOB_NOT_FOUND', store.insert(collection, document));
      assert.equal(await store.get(collection, id), undefined);
    },
  },
  {
    name: 'ends an upload that was swept while it went on',
    run: async ({ store, other }) => {
      async function* content(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('first');
        await other.sweep(everything);
        yield Buffer.from('second');
      }
      const owner = { collection: freshCollection(), id: createId() };
      const writing = store.writeBlob({ owner, name: 'part', content: content() });
      await rejectsWith('BLOB_NOT_FOUND', writing);
      assert.equal((await store.sweep(everything)).removedBlobs, 0);
    },
  },
  {
    name: 'refuses a document that names a blob which never was',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const document = { id, part: { blob: createId() } };
      await rejectsWith('BLOB_NOT_FOUND', store.insert(collection, document));
      assert.equal(await store.get(collection, id), undefined);
    },
  },
  {
    name: "refuses a document that names another's blob",
    run: async ({ store }) => {
      const collection = freshCollection();
      const [id, thief] = [createId(), createId()];
      const blob = await writeSmall(store, collection, id);
      const part = { blob: blob.id };
      await rejectsWith('BLOB_NOT_FOUND', store.insert(collection, { id: thief, part }));
      await store.insert(collection, { id, part });
      await rejectsWith('BLOB_NOT_FOUND', store.insert(collection, { id: thief, part }));
      assert.equal(String(await readAll(store.readBlob(blob.id))), 'content');
    },
  },
  {
    name: 'refuses a blob that was written for the same id elsewhere',
    run: async ({ store }) => {
      const id = createId();
      const blob = await writeSmall(store, freshCollection(), id);
      const document = { id, part: { blob: blob.id } };
      await rejectsWith('BLOB_NOT_FOUND', store.insert(freshCollection(), document));
    },
  },
  {
    name: 'removes the blobs of a document with it',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const id = createId();
      const [first, second] = [
        await writeSmall(store, collection, id, 'first'),
        await writeSmall(store, collection, id, 'second'),
      ];
      const parts = [{ blob: first.id }, { inner: { blob: second.id } }];
      await store.insert(collection, { id, parts });
      await store.remove(collection, id);
      assert.equal(await other.statBlob(first.id), undefined);
      assert.equal(await other.statBlob(second.id), undefined);
      await rejectsWith('BLOB_NOT_FOUND', readAll(store.readBlob(first.id)));
    },
  },
  {
    name: 'owns blobs that are named deep inside a document',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const blob = await writeSmall(store, collection, id);
      const deep = { list: [1, { more: [{ blob: blob.id }] }] };
      await store.insert(collection, { id, deep });
      await store.sweep(everything);
      assert.equal(String(await readAll(store.readBlob(blob.id))), 'content');
      assert.deepEqual((await store.get(collection, id))?.['deep'], deep);
    },
  },
  {
    name: 'removes the blob that a change no longer names, and no other',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const kept = await writeSmall(store, collection, id, 'kept');
      const dropped = await writeSmall(store, collection, id, 'dropped');
      const parts = { a: { blob: kept.id }, b: { blob: dropped.id } };
      const { revision } = await store.insert(collection, { id, ...parts });
      await store.replace(collection, { id, revision, a: parts.a });
      assert.equal(await store.statBlob(dropped.id), undefined);
      assert.equal(String(await readAll(store.readBlob(kept.id))), 'kept');
    },
  },
  {
    name: 'takes a new blob in a change',
    run: async ({ store }) => {
      const collection = freshCollection();
      const first = await store.insert(collection, { id: createId() });
      const blob = await writeSmall(store, collection, first.id, 'new');
      await store.replace(collection, { ...first, part: { blob: blob.id } });
      await store.sweep(everything);
      assert.equal(String(await readAll(store.readBlob(blob.id))), 'new');
    },
  },
  {
    name: 'removes no blob in a change that comes too late',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const id = createId();
      const named = await writeSmall(store, collection, id, 'named');
      const first = await store.insert(collection, { id, part: { blob: named.id } });
      await other.replace(collection, { ...first, label: 'x' });
      const late = await writeSmall(store, collection, id, 'late');
      const change = { id, revision: first.revision, part: { blob: late.id } };
      await rejectsWith('REVISION_CONFLICT', store.replace(collection, change));
      await store.sweep(everything);
      assert.equal(String(await readAll(store.readBlob(named.id))), 'named');
      assert.equal(await store.statBlob(late.id), undefined);
    },
  },
  {
    name: 'changes nothing when a change names a blob that it may not',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const named = await writeSmall(store, collection, id, 'named');
      const first = await store.insert(collection, { id, part: { blob: named.id } });
      const foreign = await writeSmall(store, collection, createId(), 'foreign');
      const change = { ...first, part: { blob: foreign.id } };
      await rejectsWith('BLOB_NOT_FOUND', store.replace(collection, change));
      assert.deepEqual(await store.get(collection, id), first);
      assert.equal(String(await readAll(store.readBlob(named.id))), 'named');
    },
  },
  {
    name: 'removes no blob with a removal that comes too late',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const blob = await writeSmall(store, collection, id);
      const first = await store.insert(collection, { id, part: { blob: blob.id } });
      await store.replace(collection, first);
      const { revision } = first;
      await rejectsWith('REVISION_CONFLICT', store.remove(collection, id, { revision }));
      await store.sweep(everything);
      assert.equal(String(await readAll(store.readBlob(blob.id))), 'content');
    },
  },
  {
    name: 'lets exactly one of several remove a document',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const id = createId();
      const blob = await writeSmall(store, collection, id);
      await store.insert(collection, { id, part: { blob: blob.id } });
      const results = await Promise.all([store, other, store].map((writer) => writer.remove(collection, id)));
      assert.equal(results.filter(Boolean).length, 1);
      assert.equal(await store.statBlob(blob.id), undefined);
    },
  },
  {
    name: 'discards a blob that no document names',
    run: async ({ store, other }) => {
      const blob = await writeSmall(store, freshCollection(), createId());
      assert.equal(await other.discardBlob(blob.id), true);
      assert.equal(await store.statBlob(blob.id), undefined);
      assert.equal(await store.discardBlob(blob.id), false);
    },
  },
  {
    name: 'does not discard a blob that a document names',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const blob = await writeSmall(store, collection, id);
      await store.insert(collection, { id, part: { blob: blob.id } });
      assert.equal(await store.discardBlob(blob.id), false);
      assert.equal(String(await readAll(store.readBlob(blob.id))), 'content');
    },
  },
  {
    name: 'has nothing to discard for an id that is none',
    run: async ({ store }) => {
      assert.equal(await store.discardBlob(createId()), false);
      assert.equal(await store.discardBlob('not an id'), false);
    },
  },
  {
    name: 'leaves the blob of a refused document to be discarded',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      await store.insert(collection, { id });
      const blob = await writeSmall(store, collection, id);
      const document = { id, part: { blob: blob.id } };
      await rejectsWith('DOCUMENT_EXISTS', store.insert(collection, document));
      assert.equal(await store.discardBlob(blob.id), true);
    },
  },
  {
    name: 'lets a document name a blob twice',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const content = stream('twice');
      const blob = await store.writeBlob({ owner: { collection, id }, name: 'part', content });
      const ref = { blob: blob.id };
      const first = await store.insert(collection, { id, a: ref, b: ref });
      await store.replace(collection, { id, revision: first.revision, a: ref });
      assert.equal(String(await readAll(store.readBlob(blob.id))), 'twice');
    },
  },
];
