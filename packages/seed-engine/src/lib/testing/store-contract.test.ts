import { describe, expect, it } from 'vitest';

import { SeedEngineError } from '../errors.ts';
import { createId } from '../id.ts';
import { createMemoryStore } from '../memory-store.ts';
import type { Collection, Store } from '../store.ts';
import { storeContract } from './store-contract.ts';

// Stores that break one promise each. A case that no lie can make fail would promise nothing.

type Lie = (honest: Store) => Partial<Store>;

const conflict = () => new SeedEngineError('REVISION_CONFLICT', 'lie');
const shared: Collection = { name: 'shared' };

async function* tampered(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) yield chunk.map((byte) => byte ^ 1);
}

async function* joined(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  yield Buffer.concat(chunks);
}

/** Reads a blob's content before it looks at anything else; of one that never ends, enough. */
async function drain(content: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) if (chunks.push(chunk) > 100) break;
  return chunks;
}

const lies: Record<string, Lie> = {
  'invents documents': () => ({ get: async (_collection, id) => ({ id, revision: 1 }) }),
  'fails on odd ids': (store) => ({
    get(collection, id) {
      if (!/^[0-9a-f]{24}$/.test(id)) throw conflict();
      return store.get(collection, id);
    },
    remove(collection, id, options) {
      if (!/^[0-9a-f]{24}$/.test(id)) throw conflict();
      return store.remove(collection, id, options);
    },
  }),
  'knows no case': (store) => ({
    get: (collection, id) => store.get(collection, id.toLowerCase()),
    insert: (collection, document) => store.insert(collection, { ...document, id: document.id.toLowerCase() }),
  }),
  'keeps text only': (store) => ({
    get: async (collection, id) => JSON.parse(JSON.stringify(await store.get(collection, id))),
  }),
  'overwrites with insert': (store) => ({
    async insert(collection, document) {
      await store.remove(collection, document.id);
      return store.insert(collection, document);
    },
  }),
  'lets every insert win': (store) => ({
    insert: (collection, document) => store.insert(collection, document).catch(() => ({ ...document, revision: 1 })),
  }),
  'has one collection': (store) => ({
    get: (_collection, id) => store.get(shared, id),
    insert: (_collection, document) => store.insert(shared, document),
    remove: (_collection, id) => store.remove(shared, id),
    list: (_collection, options) => store.list(shared, options),
  }),
  'hands out its own objects': (store) => {
    const handed = new Map<string, Awaited<ReturnType<Store['insert']>>>();
    return {
      async insert(collection, document) {
        const inserted = await store.insert(collection, document);
        handed.set(document.id, inserted);
        return inserted;
      },
      get: async (collection, id) => handed.get(id) ?? store.get(collection, id),
    };
  },
  'merges instead of replacing': (store) => ({
    replace: async (collection, document) =>
      store.replace(collection, { ...(await store.get(collection, document.id)), ...document }),
  }),
  'replaces whatever the revision': (store) => ({
    async replace(collection, document) {
      const { revision = 0 } = (await store.get(collection, document.id)) ?? {};
      return store.replace(collection, { ...document, revision });
    },
  }),
  'counts no revisions': (store) => ({
    replace: async (collection, document) => ({ ...(await store.replace(collection, document)), revision: 1 }),
  }),
  'goes on counting after a removal': (store) => ({
    insert: async (collection, document) => ({ ...(await store.insert(collection, document)), revision: 7 }),
  }),
  'makes what it should replace': (store) => ({
    async replace(collection, { revision: _revision, ...document }) {
      const current = await store.get(collection, document.id);
      return current
        ? store.replace(collection, { ...document, revision: current.revision })
        : store.insert(collection, document);
    },
  }),
  'removes nothing': () => ({ remove: async () => true }),
  'never says that it removed': (store) => ({
    async remove(collection, id, options) {
      await store.remove(collection, id, options);
      return false;
    },
  }),
  'removes any revision': (store) => ({ remove: (collection, id) => store.remove(collection, id) }),
  'stores anything': (store) => ({
    async insert(collection, document) {
      try {
        return await store.insert(collection, document);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        return store.insert(shared, { id: createId() });
      }
    },
    async get(collection, id) {
      try {
        return await store.get(collection, id);
      } catch {
        return undefined;
      }
    },
  }),
  'stays open': () => ({ [Symbol.asyncDispose]: async () => {} }),
  'lists in no order': (store) => ({
    async *list(collection, options) {
      yield* (await Array.fromAsync(store.list(collection, options))).toReversed();
    },
  }),
  'lists everything': (store) => ({ list: (collection) => store.list(collection) }),
  'lists something': () => ({
    async *list() {
      yield { id: 'x', revision: 1 };
    },
  }),
  'lists without a limit': (store) => ({
    list: (collection, { limit: _limit, ...options } = {}) => store.list(collection, options),
  }),
  'takes any list': (store) => ({
    async *list(collection, options) {
      try {
        yield* store.list(collection, options);
      } catch {}
    },
  }),
  'lists a page': (store) => ({ list: (collection, options) => store.list(collection, { limit: 100, ...options }) }),
  'flips bits': (store) => ({ readBlob: (id, options) => tampered(store.readBlob(id, options)) }),
  'reads a blob once': (store) => {
    const seen = new Set<string>();
    return {
      readBlob(id, options) {
        if (seen.has(id)) return store.readBlob(createId());
        seen.add(id);
        return store.readBlob(id, options);
      },
    };
  },
  'reads whole blobs': (store) => ({ readBlob: (id) => joined(store.readBlob(id)) }),
  'finds every blob': (store) => ({
    statBlob: async (id) => (await store.statBlob(id)) ?? { sizeBytes: 0, sha256: '' },
    async *readBlob(id, options) {
      if ((await store.statBlob(id)) !== undefined) yield* store.readBlob(id, options);
    },
  }),
  'mixes blobs up': (store) => {
    let last: string | undefined;
    return {
      async writeBlob(options) {
        const blob = await store.writeBlob(options);
        const before = last ?? blob.id;
        last = blob.id;
        return { ...blob, id: before };
      },
    };
  },
  'swallows a broken source': (store) => ({
    writeBlob: (options) =>
      store.writeBlob({
        ...options,
        content: (async function* () {
          try {
            yield* options.content;
          } catch {}
        })(),
      }),
  }),
  'keeps half a blob': (store) => ({
    async writeBlob(options) {
      try {
        return await store.writeBlob(options);
      } catch (error) {
        await store.writeBlob({ owner: options.owner, name: 'half', content: (async function* () {})() });
        throw error;
      }
    },
  }),
  'reads its content first': (store) => ({
    async writeBlob(options) {
      const first = await options.content[Symbol.asyncIterator]().next();
      void first;
      return store.writeBlob(options);
    },
  }),
  'cannot be aborted': (store) => ({
    async writeBlob({ abortSignal: _abortSignal, ...options }) {
      const content = options.content;
      let pulled = 0;
      return store.writeBlob({
        ...options,
        content: (async function* () {
          const iterator = content[Symbol.asyncIterator]();
          // A hanging source would hang the test: give up on it after a while.
          for (; pulled < 40; pulled += 1) {
            const next = await Promise.race([
              iterator.next(),
              new Promise<undefined>((resolve) => setImmediate(() => setImmediate(resolve, undefined))),
            ]);
            if (next === undefined || next.done === true) return;
            yield next.value;
          }
        })(),
      });
    },
    readBlob: (id) => store.readBlob(id),
  }),
  'sweeps everything': (store) => ({ sweep: () => store.sweep({ olderThanMs: 0 }) }),
  'sweeps nothing': () => ({ sweep: async () => ({ removedBlobs: 0, keptBlobs: 0, youngIntents: 0 }) }),
  'sweeps named blobs': (store) => {
    const blobs = new Map<string, { collection: Collection; id: string }>();
    return {
      async writeBlob(options) {
        const blob = await store.writeBlob(options);
        blobs.set(blob.id, options.owner);
        return blob;
      },
      async sweep(options) {
        for (const { collection, id } of blobs.values()) await store.remove(collection, id);
        blobs.clear();
        return store.sweep(options);
      },
      async discardBlob(id) {
        const owner = blobs.get(id);
        return (await store.discardBlob(id)) || (owner !== undefined && store.remove(owner.collection, owner.id));
      },
    };
  },
  'lets anybody name a blob': (store) => ({
    async insert(collection, document) {
      try {
        return await store.insert(collection, document);
      } catch (error) {
        if (!SeedEngineError.is(error) || error.code !== 'BLOB_NOT_FOUND') throw error;
        return store.insert(collection, { id: document.id, lie: true });
      }
    },
    async replace(collection, document) {
      try {
        return await store.replace(collection, document);
      } catch (error) {
        if (!SeedEngineError.is(error) || error.code !== 'BLOB_NOT_FOUND') throw error;
        return store.replace(collection, { id: document.id, revision: document.revision });
      }
    },
  }),
  'keeps the blobs of removed documents': (store) => {
    const kept = new Map<string, Buffer>();
    return {
      async writeBlob(options) {
        const chunks = await drain(options.content);
        const blob = await store.writeBlob({
          ...options,
          content: (async function* () {
            yield* chunks;
          })(),
        });
        kept.set(blob.id, Buffer.concat(chunks));
        return blob;
      },
      statBlob: async (id) => {
        const sizeBytes = kept.get(id)?.length;
        return sizeBytes === undefined ? store.statBlob(id) : { sizeBytes };
      },
    };
  },
  'loses blobs in every change': (store) => ({
    replace: (collection, document) => store.replace(collection, { id: document.id, revision: document.revision }),
  }),
  'loses blobs of late changes': (store) => ({
    async replace(collection, document) {
      try {
        return await store.replace(collection, document);
      } catch (error) {
        await store.remove(collection, document.id);
        throw error;
      }
    },
    async remove(collection, id, options) {
      try {
        return await store.remove(collection, id, options);
      } catch (error) {
        await store.remove(collection, id);
        throw error;
      }
    },
  }),
  'loses blobs of refused documents': (store) => ({
    async insert(collection, document) {
      try {
        return await store.insert(collection, document);
      } catch (error) {
        await store.sweep({ olderThanMs: 0 });
        throw error;
      }
    },
  }),
  'discards everything': () => ({ discardBlob: async () => true }),
  'discards nothing': () => ({ discardBlob: async () => false }),
  'makes up digests': (store) => ({
    writeBlob: async (options) => ({ ...(await store.writeBlob(options)), sha256: 'f'.repeat(64) }),
  }),
  'forgets nested blobs': (store) => ({
    insert: (collection, { id, deep: _deep, a, parts, part, ...fields }) =>
      store.insert(collection, {
        id,
        ...fields,
        ...(part === undefined ? {} : { part }),
        ...(a === undefined ? {} : { a }),
        ...(parts === undefined ? {} : { parts }),
      }),
  }),
  'takes any owner': (store) => ({
    async writeBlob(options) {
      await drain(options.content);
      return store.writeBlob({ ...options, owner: { collection: shared, id: createId() } });
    },
  }),
  'cannot take a blob in a change': (store) => ({
    async replace(collection, document) {
      if (document['part'] !== undefined) throw conflict();
      return store.replace(collection, document);
    },
  }),
  'counts each name of a blob': (store) => ({
    async replace(collection, document) {
      const replaced = await store.replace(collection, document);
      if (document['a'] !== undefined)
        await store.replace(collection, { id: document.id, revision: replaced.revision });
      return replaced;
    },
  }),
};

/** Whether a case fails. A lie may also make it wait for ever: that it does not end is a failure too. */
async function fails(run: () => Promise<void>): Promise<boolean> {
  const endless = new Promise<true>((resolve) => {
    setTimeout(resolve, 3000, true).unref();
  });
  return Promise.race([
    run().then(
      () => false,
      () => true,
    ),
    endless,
  ]);
}

function lying(lie: Lie): Store {
  const honest = createMemoryStore();
  return { ...honest, ...lie(honest) };
}

// A generous ceiling: every lie runs through many cases.
describe('storeContract', { timeout: 60_000 }, () => {
  const caught = new Set<string>();
  for (const [name, lie] of Object.entries(lies)) {
    it(`catches a store that ${name}`, async () => {
      const isCaughtBy = async ({ name: promise, run }: (typeof storeContract)[number]): Promise<boolean> => {
        const store = lying(lie);
        if (!(await fails(() => run({ store, other: store, open: () => lying(lie) })))) return false;
        caught.add(promise);
        return true;
      };
      const seen = storeContract.filter(hasCaught);
      let isCaught = false;
      for (const item of storeContract) if (!hasCaught(item)) isCaught = (await isCaughtBy(item)) || isCaught;
      // Cases that have caught a lie need no second one; they are asked only when no other sees through this one.
      for (const item of seen) if (!isCaught) isCaught = await isCaughtBy(item);
      expect(isCaught).toBe(true);
    });
  }
  const hasCaught = ({ name }: { readonly name: string }): boolean => caught.has(name);

  it('has no case that every lie passes', () => {
    expect(storeContract.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
  });

  it('has cases with different names', () => {
    expect(new Set(storeContract.map(({ name }) => name)).size).toBe(storeContract.length);
  });
});
