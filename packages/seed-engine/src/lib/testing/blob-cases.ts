import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { createId } from '../id.ts';
import type { Store, StoredBlob } from '../store.ts';
import { freshCollection, noise, readAll, rejectsWith, stream, type StoreCase, writeSmall } from './contract-case.ts';

const everything = { olderThanMs: 0 };

/** What a store promises of the bytes of blobs. */
export const blobCases: readonly StoreCase[] = [
  {
    name: 'keeps an empty blob',
    run: ({ store, other }) => roundTrip(store, other, [], Buffer.alloc(0)),
  },
  {
    name: 'keeps every byte, whatever pieces they come in',
    run: async ({ store, other }) => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const empty = new Uint8Array(0);
      const pieces = [empty, bytes.subarray(0, 1), empty, bytes.subarray(1, 200), bytes.subarray(200)];
      await roundTrip(store, other, pieces, bytes);
    },
  },
  {
    name: 'keeps a blob of many chunks',
    run: async ({ store, other }) => {
      const bytes = noise(3 * 1_048_576 + 7);
      const pieces = [];
      for (let offset = 0; offset < bytes.length; offset += 99_991) {
        pieces.push(bytes.subarray(offset, offset + 99_991));
      }
      await roundTrip(store, other, pieces, bytes);
    },
  },
  {
    name: 'keeps blobs of exactly one chunk, one byte less and one more',
    run: async ({ store, other }) => {
      for (const chunk of [262_144, 524_288, 261_120, 1_044_480]) {
        for (const size of [chunk - 1, chunk, chunk + 1]) {
          const bytes = noise(size, size);
          await roundTrip(store, other, [bytes], bytes);
        }
      }
    },
  },
  {
    name: 'reads a blob as often as wanted, also after it was left in the middle',
    run: async ({ store }) => {
      const content = noise(2_000_000);
      const { id } = await store.writeBlob({ ...owned(), content: stream(content) });
      for await (const chunk of store.readBlob(id)) if (chunk.length > 0) break;
      assert.ok(content.equals(await readAll(store.readBlob(id))));
      assert.ok(content.equals(await readAll(store.readBlob(id))));
    },
  },
  {
    name: 'keeps blobs apart that are written at the same time',
    run: async ({ store, other }) => {
      const contents = [1, 2, 3, 4].map((seed) => noise(700_000 + seed, seed));
      const blobs = await Promise.all(
        contents.map((content, index) =>
          (index % 2 === 0 ? store : other).writeBlob({ ...owned(), content: stream(content) }),
        ),
      );
      const read = await Promise.all(blobs.map(({ id }) => readAll(store.readBlob(id))));
      read.forEach((bytes, index) => assert.ok(contents[index]?.equals(bytes)));
    },
  },
  {
    name: 'knows nothing of blobs that are not there',
    run: async ({ store }) => {
      for (const id of [createId(), 'not an id', '']) {
        assert.equal(await store.statBlob(id), undefined);
        await rejectsWith('BLOB_NOT_FOUND', readAll(store.readBlob(id)));
      }
    },
  },
  {
    name: 'throws what its content throws, and keeps nothing',
    run: async ({ store }) => {
      await store.sweep(everything);
      const failure = new Error('the source broke');
      async function* content(): AsyncGenerator<Uint8Array> {
        yield noise(1_500_000);
        throw failure;
      }
      await assert.rejects(store.writeBlob({ ...owned(), content: content() }), failure);
      assert.deepEqual(await store.sweep(everything), nothingSwept);
    },
  },
  {
    name: 'reads nothing of its content when it is aborted before',
    run: async ({ store }) => {
      let wasRead = false;
      async function* content(): AsyncGenerator<Uint8Array> {
        wasRead = true;
        yield noise(1);
      }
      const abortSignal = AbortSignal.abort();
      const writing = store.writeBlob({ ...owned(), content: content(), abortSignal });
      await rejectsWith('ABORTED', writing);
      assert.equal(wasRead, false);
    },
  },
  {
    name: 'is aborted even while its content hangs, and keeps nothing',
    run: async ({ store }) => {
      await store.sweep(everything);
      const controller = new AbortController();
      async function* content(): AsyncGenerator<Uint8Array> {
        yield noise(1_500_000);
        controller.abort(new Error('enough'));
        await new Promise(() => {});
      }
      const { signal: abortSignal } = controller;
      const writing = store.writeBlob({ ...owned(), content: content(), abortSignal });
      await rejectsWith('ABORTED', writing);
      assert.deepEqual(await store.sweep(everything), nothingSwept);
    },
  },
  {
    name: 'closes its content when it is aborted',
    run: async ({ store }) => {
      const controller = new AbortController();
      const closed = Promise.withResolvers<void>();
      async function* content(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) {
            yield noise(100_000);
            controller.abort();
          }
        } finally {
          closed.resolve();
        }
      }
      const { signal: abortSignal } = controller;
      const writing = store.writeBlob({ ...owned(), content: content(), abortSignal });
      await rejectsWith('ABORTED', writing);
      await closed.promise;
    },
  },
  {
    name: 'ends a download that is aborted',
    run: async ({ store }) => {
      const { id } = await store.writeBlob({ ...owned(), content: stream(noise(3_000_000)) });
      const controller = new AbortController();
      const reading = (async () => {
        const { signal: abortSignal } = controller;
        for await (const chunk of store.readBlob(id, { abortSignal })) {
          assert.ok(chunk.length < 3_000_000, 'the blob came in one piece');
          controller.abort();
        }
      })();
      await rejectsWith('ABORTED', reading);
    },
  },
  {
    name: 'hands a blob out in chunks, never whole',
    run: async ({ store }) => {
      const { id } = await store.writeBlob({ ...owned(), content: stream(noise(5_000_000)) });
      for await (const chunk of store.readBlob(id)) assert.ok(chunk.length <= 2_097_152);
    },
  },
  {
    name: 'refuses an owner that cannot be one before it reads the content',
    run: async ({ store }) => {
      const content = stream('x');
      const owner = { collection: { name: 'a.b' }, id: createId() };
      await assert.rejects(store.writeBlob({ owner, name: 'part', content }), TypeError);
      const unnamed = { collection: freshCollection(), id: '' };
      await assert.rejects(store.writeBlob({ owner: unnamed, name: 'part', content }), TypeError);
      assert.equal((await content.next()).done, false);
    },
  },
  {
    name: 'says what it wrote',
    run: async ({ store }) => {
      const collection = freshCollection();
      const blob = await writeSmall(store, collection, createId(), 'abc');
      assert.match(blob.id, /^[0-9a-f]{24}$/);
      assert.equal(blob.sizeBytes, 3);
      assert.equal(blob.sha256, createHash('sha256').update('abc').digest('hex'));
    },
  },
];

const nothingSwept = { removedBlobs: 0, keptBlobs: 0, youngIntents: 0 };

function owned(): { owner: { collection: ReturnType<typeof freshCollection>; id: string }; name: string } {
  return { owner: { collection: freshCollection(), id: createId() }, name: 'part' };
}

async function roundTrip(store: Store, other: Store, pieces: readonly Uint8Array[], expected: Buffer): Promise<void> {
  const written: StoredBlob = await store.writeBlob({ ...owned(), content: stream(...pieces) });
  const info = {
    sizeBytes: expected.length,
    sha256: createHash('sha256').update(expected).digest('hex'),
  };
  assert.deepEqual(written, { id: written.id, ...info });
  assert.deepEqual(await other.statBlob(written.id), info);
  assert.ok(expected.equals(await readAll(other.readBlob(written.id))), 'other bytes came back');
}
