import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { pack as packTar } from 'tar-stream';
import { beforeEach, describe, expect, it } from 'vitest';

import { noCipher } from './cipher.ts';
import { createMemoryStore } from './memory-store.ts';
import { purgeExpiredSeeds, updateSeed } from './seed-change.ts';
import { acquireSeedLease } from './seed-lease.ts';
import { largestOf } from './seed-size.ts';
import { getSeed, listSeeds, storeSeed } from './seed-store.ts';
import type { SeedManifest } from './seed.ts';
import type { Store } from './store.ts';

const manifest: SeedManifest = { collection: { name: 'seeds' }, version: 1, include: ['auth.json'], agent: 'test' };
const past = new Date(Date.now() - 1000);
const future = new Date(Date.now() + 3_600_000);
let store: Store;

beforeEach(() => {
  store = createMemoryStore();
});

function keep(more: { readonly label?: string; readonly expiresAt?: Date } = {}) {
  const pack = packTar();
  pack.entry({ name: 'auth.json' }, '{}');
  pack.finalize();
  const archive = (pack as unknown as Readable).pipe(createGzip());
  return storeSeed({ store, cipher: noCipher, manifest, archive, ...more });
}

describe('updateSeed', () => {
  it('sets and removes a label and an end, and leaves what others wrote', async () => {
    const { id } = await keep({ label: 'old' });
    const document = await store.get(manifest.collection, id);
    if (document === undefined) throw new Error('no seed');
    await store.replace(manifest.collection, { ...document, ofOthers: 'kept' });
    const changed = await updateSeed({ store, manifest, seedId: id, change: { label: 'new', expiresAt: past } });
    expect(changed).toMatchObject({ label: 'new', expiresAt: past, isExpired: true, contentVersion: 1 });
    const cleared = await updateSeed({
      store,
      manifest,
      seedId: id,
      change: { label: undefined, expiresAt: undefined },
    });
    expect(cleared).not.toHaveProperty('label');
    expect(cleared).toMatchObject({ isExpired: false });
    expect(await store.get(manifest.collection, id)).toMatchObject({ ofOthers: 'kept' });
  });

  it('takes no label that is no text and no end that is no date', async () => {
    const { id } = await keep();
    for (const wrong of [{ expiresAt: 'tomorrow' }, { expiresAt: new Date('tomorrow') }, { label: 7 }]) {
      await expect(updateSeed({ store, manifest, seedId: id, change: wrong as never })).rejects.toThrow(TypeError);
      await expect(keep(wrong as never)).rejects.toThrow(TypeError);
    }
    expect(await listSeeds({ store, manifest })).toMatchObject([{ id }]);
  });

  it('knows no seed that is not there', async () => {
    const updating = updateSeed({ store, manifest, seedId: 'none', change: {} });
    await expect(updating).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
  });
});

describe('purgeExpiredSeeds', () => {
  it('removes what has expired, unless somebody uses it', async () => {
    const lasting = await keep();
    const later = await keep({ expiresAt: future });
    const used = await keep({ expiresAt: past });
    await acquireSeedLease({ store, manifest, seedId: used.id, holder: 'a session' });
    const over = await keep({ expiresAt: past });
    expect((await getSeed({ store, manifest, seedId: over.id }))?.isExpired).toBe(true);
    expect(await purgeExpiredSeeds({ store, manifest })).toEqual([over.id]);
    const left = (await listSeeds({ store, manifest })).map(({ id }) => id);
    expect(new Set(left)).toEqual(new Set([lasting.id, later.id, used.id]));
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });
});

describe('largestOf', () => {
  it('names the five largest, largest first', () => {
    const lines = ['3 ./a', '2048 ./b c', '1 ./d', '5242880 ./e/f', '2 ./g', '4 ./h', '', 'nonsense'].join('\n');
    expect(largestOf(lines)).toBe('e/f (5.0 MiB), b c (2.0 KiB), h (4 bytes), a (3 bytes), g (2 bytes)');
  });
});
