import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { pack as packTar } from 'tar-stream';
import { beforeEach, describe, expect, it } from 'vitest';

import { noCipher } from './cipher.ts';
import { holdSeedLease } from './held-seed-lease.ts';
import { createMemoryStore } from './memory-store.ts';
import { rewriteSeed } from './rewrite-seed.ts';
import { purgeExpiredSeeds, updateSeed } from './seed-change.ts';
import { acquireSeedLease, releaseSeedLease, renewSeedLease, type SeedLease } from './seed-lease.ts';
import { getSeed, openSeed, storeSeed } from './seed-store.ts';
import type { SeedManifest } from './seed.ts';
import type { Store } from './store.ts';
import { readAll } from './testing/contract-case.ts';

const file = 'auth.json';
const manifest: SeedManifest = { collection: { name: 'seeds' }, version: 1, include: [file], agent: 'test' };
let store: Store;
let seedId: string;
/** The lease is measured by this clock. */
let time: number;
const now = () => new Date(time);

beforeEach(async () => {
  store = createMemoryStore();
  time = Date.now();
  const pack = packTar();
  pack.entry({ name: file }, 'login 1');
  pack.finalize();
  const archive = (pack as unknown as Readable).pipe(createGzip());
  ({ id: seedId } = await storeSeed({ store, cipher: noCipher, manifest, archive, isExclusive: true }));
});

const take = (holder: string, more: object = {}) =>
  acquireSeedLease({ store, manifest, seedId, holder, whenBusy: 'refuse', now, ...more });
const bound = (lease: SeedLease) => ({ store, manifest, lease });

async function contentOf(): Promise<string> {
  let content = '';
  const apply = (files: Readonly<Record<string, Uint8Array | undefined>>) => {
    content = Buffer.from(files[file] ?? []).toString();
    return {};
  };
  const { archive } = await openSeed({
    store,
    cipher: noCipher,
    manifest,
    seedId,
    transform: { files: [file], apply },
  });
  await readAll(archive.content);
  return content;
}

const write = (text: string, more: object = {}) =>
  rewriteSeed({
    store,
    cipher: noCipher,
    manifest,
    seedId,
    transform: { files: [file], apply: () => ({ [file]: Buffer.from(text) }) },
    ...more,
  });

describe('acquireSeedLease', () => {
  it('gives a seed to one at a time', async () => {
    const lease = await take('a');
    expect(lease).toMatchObject({ holder: 'a', fencing: 1 });
    await expect(take('b')).rejects.toMatchObject({ code: 'SEED_IN_USE', message: expect.stringContaining('by a ') });
    expect(await getSeed({ store, manifest, seedId })).toMatchObject({ isExclusive: true, lease: { holder: 'a' } });
    await releaseSeedLease(bound(lease));
    await releaseSeedLease(bound(lease));
    expect(await getSeed({ store, manifest, seedId })).not.toHaveProperty('lease');
    expect(await take('b')).toMatchObject({ fencing: 2 });
  });

  it('gives it to one of many that ask at once', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => take(`holder ${index}`)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('waits until it is given back, and tells for whom', async () => {
    const lease = await take('a');
    const told = Promise.withResolvers<string>();
    const waiting = take('b', {
      whenBusy: 'wait',
      onWaiting: ({ holder }: { holder: string }) => told.resolve(holder),
    });
    expect(await told.promise).toBe('a');
    await releaseSeedLease(bound(lease));
    expect(await waiting).toMatchObject({ holder: 'b', fencing: 2 });
  });

  it('stops waiting when it is told to', async () => {
    await take('a');
    const controller = new AbortController();
    const waiting = take('b', {
      whenBusy: 'wait',
      abortSignal: controller.signal,
      onWaiting: () => controller.abort(),
    });
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('takes over from a holder that is silent for its time', async () => {
    const dead = await take('dead');
    time += 60_001;
    const next = await take('next');
    expect(next.fencing).toBe(2);
    await expect(renewSeedLease({ ...bound(dead), now })).rejects.toMatchObject({ code: 'SEED_LEASE_LOST' });
    await releaseSeedLease(bound(dead));
    await expect(take('third')).rejects.toMatchObject({ code: 'SEED_IN_USE' });
  });

  it('does not take over from one that has renewed it', async () => {
    const lease = await take('a');
    time += 50_000;
    const renewed = await renewSeedLease({ ...bound(lease), now });
    expect(renewed.expiresAt.getTime()).toBe(time + 60_000);
    time += 50_000;
    await expect(take('b')).rejects.toMatchObject({ code: 'SEED_IN_USE' });
  });

  it('refuses what cannot be, and seeds that are not there', async () => {
    await expect(take('')).rejects.toBeInstanceOf(TypeError);
    await expect(take('a', { leaseMs: 0 })).rejects.toBeInstanceOf(TypeError);
    await expect(take('a', { seedId: 'none' })).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
  });
});

describe('rewriteSeed', () => {
  it('changes a file for whoever has the lease, and keeps the rest of the document', async () => {
    const lease = await take('a');
    await updateSeed({ store, manifest, seedId, change: { label: 'mine' } });
    const { seed, isChanged } = await write('login 2', { lease, isExclusive: () => false });
    expect(isChanged).toBe(true);
    expect(seed).toMatchObject({ label: 'mine', contentVersion: 2, isExclusive: false, lease: { holder: 'a' } });
    expect(await contentOf()).toBe('login 2');
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('refuses a holder that has lost the lease: what is newer stays', async () => {
    const lost = await take('lost');
    time += 60_001;
    const lease = await take('next');
    await write('login 2', { lease });
    await expect(write('login 1b', { lease: lost })).rejects.toMatchObject({ code: 'SEED_LEASE_LOST' });
    expect(await contentOf()).toBe('login 2');
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('does not write when the lease goes while it writes', async () => {
    const lost = await take('lost');
    let isTaken = false;
    const apply = async () => {
      if (!isTaken) {
        isTaken = true;
        time += 60_001;
        await take('next');
      }
      return { [file]: Buffer.from('login 1b') };
    };
    const writing = write('', { lease: lost, transform: { files: [file], apply } });
    await expect(writing).rejects.toMatchObject({ code: 'SEED_LEASE_LOST' });
    expect(await contentOf()).toBe('login 1');
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('is not undone by the renewals of its own lease, however long the writing takes', async () => {
    let lease = await take('a');
    let written = 0;
    const beating: Store = {
      ...store,
      async writeBlob(options) {
        if ((written += 1) > 1) throw new Error('written twice');
        const blob = await store.writeBlob(options);
        lease = await renewSeedLease({ ...bound(lease), now });
        return blob;
      },
    };
    const { seed } = await write('login 2', { store: beating, lease });
    expect(seed).toMatchObject({ contentVersion: 2, lease: { holder: 'a' } });
    expect(await contentOf()).toBe('login 2');
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('says that the seed is gone when it was removed meanwhile', async () => {
    const lease = await take('a');
    const apply = async () => {
      await store.remove(manifest.collection, seedId);
      return { [file]: Buffer.from('login 2') };
    };
    const writing = write('', { lease, transform: { files: [file], apply } });
    await expect(writing).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('asks again with what another wrote meanwhile', async () => {
    const seen: string[] = [];
    const apply = async (files: Readonly<Record<string, Uint8Array | undefined>>) => {
      const text = Buffer.from(files[file] ?? []).toString();
      if (seen.push(text) === 1) await write('login 2');
      return { [file]: Buffer.from(`${text}, and mine`) };
    };
    await write('', { transform: { files: [file], apply } });
    expect(seen).toEqual(['login 1', 'login 2']);
    expect(await contentOf()).toBe('login 2, and mine');
    expect((await getSeed({ store, manifest, seedId }))?.contentVersion).toBe(3);
  });

  it('leaves a seed as it is when there is nothing to change', async () => {
    const before = await store.get(manifest.collection, seedId);
    const { isChanged } = await write('', { transform: { files: [file], apply: () => ({}) } });
    expect(isChanged).toBe(false);
    expect(await store.get(manifest.collection, seedId)).toEqual(before);
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });
});

describe('holdSeedLease', () => {
  it('renews until it is given back', async () => {
    const held = await holdSeedLease({ store, manifest, seedId, holder: 'a', leaseMs: 40 });
    const first = held.lease.expiresAt;
    const renewed = async (): Promise<void> => {
      while (held.lease.expiresAt <= first) await new Promise(setImmediate);
    };
    await renewed();
    await expect(acquireSeedLease({ store, manifest, seedId, holder: 'b', whenBusy: 'refuse' })).rejects.toThrow(
      'in use',
    );
    await held[Symbol.asyncDispose]();
    expect(held.lost.aborted).toBe(false);
    await expect(acquireSeedLease({ store, manifest, seedId, holder: 'b', whenBusy: 'refuse' })).resolves.toBeDefined();
  });

  it('tells that it was lost', async () => {
    const held = await holdSeedLease({ store, manifest, seedId, holder: 'a', leaseMs: 20 });
    const lost = new Promise((resolve) => {
      held.lost.addEventListener('abort', resolve);
    });
    await updateSeed({ store, manifest, seedId, change: { expiresAt: new Date(0) } });
    await store.remove(manifest.collection, seedId);
    await lost;
    expect(held.lost.reason).toMatchObject({ code: 'SEED_NOT_FOUND' });
    await held.release();
    expect(await purgeExpiredSeeds({ store, manifest })).toEqual([]);
  });
});
