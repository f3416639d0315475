import assert from 'node:assert/strict';

import { createId } from '../id.ts';
import type { Collection, ListOptions, Store } from '../store.ts';
import { freshCollection, listAll, type StoreCase } from './contract-case.ts';

/** What a store promises of lists. */
export const listCases: readonly StoreCase[] = [
  {
    name: 'lists nothing where there is nothing',
    run: async ({ store }) => {
      assert.deepEqual(await listAll(store.list(freshCollection())), []);
    },
  },
  {
    name: 'lists whole documents by id, of one collection only',
    run: async ({ store, other }) => {
      const collection = freshCollection();
      const ids = [createId(), createId(), createId()].toSorted(byText);
      await store.insert(freshCollection(), { id: createId() });
      for (const id of ids.toReversed()) await store.insert(collection, { id, field: [id] });
      const expected = ids.map((id) => ({ id, revision: 1, field: [id] }));
      assert.deepEqual(await listAll(other.list(collection)), expected);
    },
  },
  {
    name: 'selects by equal values, of the same type',
    run: async ({ store }) => {
      const collection = freshCollection();
      const values = { a: 'x', b: '1', c: 1, d: true, e: false, f: 0, g: null, h: 'X' };
      for (const [id, value] of Object.entries(values)) {
        await store.insert(collection, { id, value });
      }
      await store.insert(collection, { id: 'none' });
      for (const [id, value] of Object.entries(values)) {
        if (value !== null) assert.deepEqual(await idsOf(store, collection, { where: { value } }), [id]);
      }
      assert.deepEqual(await idsOf(store, collection, { where: { value: 'y' } }), []);
    },
  },
  {
    name: 'selects by all fields that are named, the id among them',
    run: async ({ store }) => {
      const collection = freshCollection();
      const id = createId();
      await store.insert(collection, { id, kind: 'a', size: 1 });
      await store.insert(collection, { id: 'b', kind: 'a', size: 2 });
      assert.deepEqual(await idsOf(store, collection, { where: { kind: 'a', size: 2 } }), ['b']);
      assert.deepEqual(await idsOf(store, collection, { where: { id } }), [id]);
      assert.deepEqual(await idsOf(store, collection, { where: { id, size: 2 } }), []);
    },
  },
  {
    name: 'orders by date, in both directions',
    run: async ({ store }) => {
      const collection = freshCollection();
      const times = { a: -5, b: 1_800_000_000_000, c: 3, d: 1_800_000_000_001 };
      for (const [id, time] of Object.entries(times)) {
        await store.insert(collection, { id, at: new Date(time) });
      }
      const ascending = ['a', 'c', 'b', 'd'];
      assert.deepEqual(await idsOf(store, collection, { orderBy: [['at', 'asc']] }), ascending);
      assert.deepEqual(await idsOf(store, collection, { orderBy: [['at', 'desc']] }), ascending.toReversed());
    },
  },
  {
    name: 'orders numbers by value and text by its bytes',
    run: async ({ store }) => {
      const collection = freshCollection();
      const rows = [
        ['a', 10, 'b'],
        ['b', 9, 'ä'],
        ['c', -1, 'B'],
        ['d', 9.5, '\u{1F600}'],
        ['e', 0, '\uFFFD'],
      ] as const;
      for (const [id, size, name] of rows) await store.insert(collection, { id, size, name });
      const bySize = await idsOf(store, collection, { orderBy: [['size', 'asc']] });
      assert.deepEqual(bySize, ['c', 'e', 'b', 'd', 'a']);
      const byName = await idsOf(store, collection, { orderBy: [['name', 'asc']] });
      assert.deepEqual(byName, ['c', 'a', 'b', 'e', 'd']);
    },
  },
  {
    name: 'orders by several fields, and ties by ascending id',
    run: async ({ store }) => {
      const collection = freshCollection();
      for (const [id, kind, size] of [
        ['d', 'x', 1],
        ['a', 'x', 1],
        ['c', 'y', 1],
        ['b', 'x', 2],
      ] as const) {
        await store.insert(collection, { id, kind, size });
      }
      const orderBy = [
        ['kind', 'desc'],
        ['size', 'desc'],
      ] as const;
      assert.deepEqual(await idsOf(store, collection, { orderBy }), ['c', 'b', 'a', 'd']);
      const byId = await idsOf(store, collection, { orderBy: [['id', 'desc']] });
      assert.deepEqual(byId, ['d', 'c', 'b', 'a']);
    },
  },
  {
    name: 'puts documents without the field first',
    run: async ({ store }) => {
      const collection = freshCollection();
      await store.insert(collection, { id: 'a', at: new Date(1) });
      await store.insert(collection, { id: 'b' });
      await store.insert(collection, { id: 'c', at: new Date(0) });
      const ascending = await idsOf(store, collection, { orderBy: [['at', 'asc']] });
      assert.deepEqual(ascending, ['b', 'c', 'a']);
    },
  },
  {
    name: 'lists at most as many as asked for, in order',
    run: async ({ store }) => {
      const collection = freshCollection();
      for (const id of ['c', 'a', 'b']) await store.insert(collection, { id, in: true });
      assert.deepEqual(await idsOf(store, collection, { limit: 2 }), ['a', 'b']);
      assert.deepEqual(await idsOf(store, collection, { limit: 0 }), []);
      assert.deepEqual(await idsOf(store, collection, { limit: 9, where: { in: true } }), ['a', 'b', 'c']);
    },
  },
  {
    name: 'lists more than fits into one batch, and can be left in the middle',
    run: async ({ store }) => {
      const collection = freshCollection();
      const ids = Array.from({ length: 230 }, (_, index) => `n${String(index).padStart(3, '0')}`);
      await Promise.all(ids.map((id) => store.insert(collection, { id })));
      for await (const { id } of store.list(collection)) if (id === 'n007') break;
      assert.deepEqual(await idsOf(store, collection, {}), ids);
    },
  },
  {
    name: 'makes the indexes of a collection, which change no result',
    run: async ({ store, other }) => {
      const collection: Collection = {
        ...freshCollection(),
        indexes: [
          {
            name: 'by_kind_at',
            fields: [
              ['kind', 'asc'],
              ['at', 'desc'],
            ],
          },
        ],
      };
      for (const [id, at] of [
        ['a', 1],
        ['b', 3],
        ['c', 2],
      ] as const) {
        await store.insert(collection, { id, kind: 'k', at: new Date(at) });
        await other.insert(collection, { id: `${id}2`, kind: 'other', at: new Date(at) });
      }
      const options = { where: { kind: 'k' }, orderBy: [['at', 'desc']] } as const;
      assert.deepEqual(await idsOf(store, collection, options), ['b', 'c', 'a']);
    },
  },
  {
    name: 'refuses a list that cannot be made',
    run: async ({ store }) => {
      const collection = freshCollection();
      const bad: ListOptions[] = [
        { limit: -1 },
        { limit: 1.5 },
        { orderBy: [['a.b', 'asc']] },
        { orderBy: [["a'", 'asc']] },
        { where: { $where: 'x' } },
        { where: { a: { $ne: 1 } as unknown as string } },
      ];
      for (const options of bad) {
        await assert.rejects(listAll(store.list(collection, options)), TypeError);
      }
    },
  },
];

async function idsOf(store: Store, collection: Collection, options: ListOptions): Promise<string[]> {
  return (await listAll(store.list(collection, options))).map(({ id }) => id);
}

function byText(left: string, right: string): number {
  return left < right ? -1 : 1;
}
