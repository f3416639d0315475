import assert from 'node:assert/strict';

import { createId } from '../id.ts';
import { freshCollection, rejectsWith, type StoreCase } from './contract-case.ts';

/** What a store promises of single documents. */
export const documentCases: readonly StoreCase[] = [
  {
    name: 'returns undefined for a document that is not there',
    run: async ({ store }) => {
      assert.equal(await store.get(freshCollection(), createId()), undefined);
    },
  },
  {
    name: 'returns undefined for an id that cannot be one',
    run: async ({ store }) => {
      const collection = freshCollection();
      for (const id of ['', 'not an id', '../x', 'z'.repeat(24), '0'.repeat(23), 'x'.repeat(5000)]) {
        assert.equal(await store.get(collection, id), undefined, id);
      }
    },
  },
  {
    name: 'inserts at revision 1 and reads the same back',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const inserted = await store.insert(collection, { id, label: 'a' });
      assert.deepEqual(inserted, { id, revision: 1, label: 'a' });
      assert.deepEqual(await store.get(collection, id), inserted);
    },
  },
  {
    name: 'keeps values of every type',
    run: async ({ store }) => {
      const collection = freshCollection();
      const fields = {
        text: 'Grüße, 世界 🙂 "quoted" \\ \n\t $dollar',
        empty: '',
        integer: -7,
        large: 2 ** 53 - 1,
        fraction: 0.1,
        yes: true,
        no: false,
        nothing: null,
        date: new Date('2026-02-03T04:05:06.789Z'),
        ancient: new Date(-1),
        bytes: new Uint8Array([0, 1, 127, 128, 255]),
        list: [1, 'two', [new Date(3)], { four: null }],
        object: { inner: { deep: new Uint8Array([9]) }, date: new Date(5) },
        hex: 'a'.repeat(24),
      };
      const id = createId();
      await store.insert(collection, { id, ...fields });
      assert.deepEqual(await store.get(collection, id), { id, revision: 1, ...fields });
    },
  },
  {
    name: 'takes ids of any form',
    run: async ({ store }) => {
      const collection = freshCollection();
      for (const id of ['nightly-7', 'a/b c', 'Ünïcödé', '$where', "quote'", '1']) {
        await store.insert(collection, { id, is: id });
        assert.deepEqual(await store.get(collection, id), { id, revision: 1, is: id });
      }
    },
  },
  {
    name: 'tells ids apart by case',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = 'abcdefabcdefabcdefabcdef';
      await store.insert(collection, { id, is: 'lower' });
      assert.equal(await store.get(collection, id.toUpperCase()), undefined);
      await store.insert(collection, { id: id.toUpperCase(), is: 'upper' });
      assert.equal((await store.get(collection, id))?.['is'], 'lower');
    },
  },
  {
    name: 'refuses a second document with the same id',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const id = createId();
      await store.insert(collection, { id, is: 'first' });
      await rejectsWith('DOCUMENT_EXISTS', other.insert(collection, { id, is: 'second' }));
      assert.equal((await store.get(collection, id))?.['is'], 'first');
    },
  },
  {
    name: 'keeps collections apart',
    run: async ({ store }) => {
      const [left, right, id] = [freshCollection(), freshCollection(), createId()];
      await store.insert(left, { id, is: 'left' });
      assert.equal(await store.get(right, id), undefined);
      await store.insert(right, { id, is: 'right' });
      await store.remove(right, id);
      assert.equal((await store.get(left, id))?.['is'], 'left');
    },
  },
  {
    name: 'is not changed through objects that were handed in or out',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const object = { list: [1], bytes: new Uint8Array([1]) };
      const inserted = await store.insert(collection, { id, object });
      object.list.push(2);
      object.bytes[0] = 2;
      const read = await store.get(collection, id);
      for (const handedOut of [inserted, read]) {
        (handedOut?.['object'] as { list: number[] } | undefined)?.list.push(3);
      }
      const expected = { list: [1], bytes: new Uint8Array([1]) };
      assert.deepEqual((await store.get(collection, id))?.['object'], expected);
    },
  },
  {
    name: 'replaces all fields and counts the revision up',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const id = createId();
      const first = await store.insert(collection, { id, old: 1, both: 1 });
      const second = await store.replace(collection, { id, revision: first.revision, both: 2 });
      assert.deepEqual(second, { id, revision: 2, both: 2 });
      assert.deepEqual(await other.get(collection, id), second);
      assert.equal((await other.replace(collection, second)).revision, 3);
    },
  },
  {
    name: 'refuses to replace what somebody else has changed',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const first = await store.insert(collection, { id: createId(), by: 'nobody' });
      await other.replace(collection, { ...first, by: 'other' });
      await rejectsWith('REVISION_CONFLICT', store.replace(collection, { ...first, by: 'late' }));
      assert.equal((await store.get(collection, first.id))?.['by'], 'other');
    },
  },
  {
    name: 'refuses to replace from a revision that is yet to come',
    run: async ({ store }) => {
      const collection = freshCollection();
      const first = await store.insert(collection, { id: createId() });
      await rejectsWith('REVISION_CONFLICT', store.replace(collection, { ...first, revision: 2 }));
    },
  },
  {
    name: 'refuses to replace what is not there, and makes nothing',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      await rejectsWith('DOCUMENT_NOT_FOUND', store.replace(collection, { id, revision: 1 }));
      assert.equal(await store.get(collection, id), undefined);
    },
  },
  {
    name: 'lets exactly one of several writers replace a revision',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      let document = await store.insert(collection, { id: createId(), by: -1 });
      for (let round = 0; round < 5; round += 1) {
        const results = await Promise.allSettled(
          [store, other, store, other].map((writer, by) => writer.replace(collection, { ...document, by })),
        );
        assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
        const now = await store.get(collection, document.id);
        assert.ok(now);
        assert.equal(now.revision, document.revision + 1);
        document = now;
      }
    },
  },
  {
    name: 'lets exactly one of several writers insert an id',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const id = createId();
      const results = await Promise.allSettled(
        [store, other, store, other].map((writer, by) => writer.insert(collection, { id, by })),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    },
  },
  {
    name: 'removes a document and says so',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const { id } = await store.insert(collection, { id: createId() });
      assert.equal(await store.remove(collection, id), true);
      assert.equal(await other.get(collection, id), undefined);
    },
  },
  {
    name: 'says when there was nothing to remove',
    run: async ({ store }) => {
      assert.equal(await store.remove(freshCollection(), createId()), false);
      assert.equal(await store.remove(freshCollection(), 'not an id'), false);
    },
  },
  {
    name: 'removes only the revision that was asked for',
    run: async ({ store }) => {
      const collection = freshCollection();
      const { id } = await store.insert(collection, { id: createId() });
      await rejectsWith('REVISION_CONFLICT', store.remove(collection, id, { revision: 2 }));
      assert.ok(await store.get(collection, id));
      assert.equal(await store.remove(collection, id, { revision: 1 }), true);
    },
  },
  {
    name: 'starts again at revision 1 after a removal',
    run: async ({ store }) => {
      const collection = freshCollection();
      const first = await store.insert(collection, { id: createId() });
      await store.replace(collection, first);
      await store.remove(collection, first.id);
      assert.equal((await store.insert(collection, { id: first.id })).revision, 1);
    },
  },
  {
    name: 'refuses a new document that brings a revision',
    run: async ({ store }) => {
      const document = { id: createId(), revision: 1 };
      await assert.rejects(store.insert(freshCollection(), document), TypeError);
    },
  },
  {
    name: 'refuses values that cannot be stored, and stores nothing of them',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      const values: unknown[] = [undefined, Number.NaN, Infinity, new Date(Number.NaN), () => {}];
      values.push(Symbol('x'), 1n, new Map(), [undefined], { inner: Number.NaN }, { blob: 'x' });
      for (const value of values) {
        const document = { id, field: value as string };
        await assert.rejects(store.insert(collection, document), TypeError);
      }
      assert.equal(await store.get(collection, id), undefined);
    },
  },
  {
    name: 'refuses names of fields that a database reads in its own way',
    run: async ({ store }) => {
      const collection = freshCollection();
      for (const field of ['a.b', '$set', '', '_id', 'nul\0']) {
        const plain = { id: createId(), [field]: 1 };
        await assert.rejects(store.insert(collection, plain), TypeError, field);
        if (field === '_id') continue;
        const nested = { id: createId(), list: [{ [field]: 1 }] };
        await assert.rejects(store.insert(collection, nested), TypeError, field);
      }
    },
  },
  {
    name: 'refuses ids, collections and revisions that are none',
    run: async ({ store }) => {
      const collection = freshCollection();
      await assert.rejects(store.insert(collection, { id: '' }), TypeError);
      await assert.rejects(store.insert(collection, { id: 7 as unknown as string }), TypeError);
      await assert.rejects(store.get({ name: 'a.b' }, 'x'), TypeError);
      await assert.rejects(store.get({ name: 'blob_intents' }, 'x'), TypeError);
      const revision = '1' as unknown as number;
      await assert.rejects(store.replace(collection, { id: 'x', revision }), TypeError);
    },
  },
  {
    name: 'can be disposed of twice, and is closed then',
    run: async ({ open }) => {
      const store = open();
      await store.insert(freshCollection(), { id: createId() });
      await store[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rejectsWith('DISPOSED', store.get(freshCollection(), createId()));
    },
  },
];
