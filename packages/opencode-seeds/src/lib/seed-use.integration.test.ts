import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import { noCipher } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { JsonObject } from './config.ts';
import { AUTH_FILE } from './manifest.ts';
import { opencodeSeeds } from './opencode-seeds.ts';
import type { OpencodeSeeds } from './opencode-seeds.ts';
import type { UseOpencodeSeedOptions } from './seed-use.ts';

const host = createLocalHost();
let directory: string;
let store: Store;
let seeds: OpencodeSeeds;

/** The only token that the server still takes: using it makes the next one. */
let current = 1;
const login = (number: number, more: JsonObject = {}): JsonObject => ({
  lab: { type: 'oauth', refresh: `r${number}`, access: `a${number}`, expires: 1000 + number, ...more },
  other: { type: 'api', key: 'k' },
});

afterAll(() => host[Symbol.asyncDispose]());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-seed-use-'));
  store = createMemoryStore();
  seeds = opencodeSeeds({ store, cipher: noCipher });
  current = 1;
});
afterEach(() => rm(directory, { recursive: true }));

async function put(home: string, auth: JsonObject): Promise<void> {
  const path = join(home, AUTH_FILE);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(auth));
}

const read = async (home: string): Promise<JsonObject> => JSON.parse(await readFile(join(home, AUTH_FILE), 'utf8'));
const homeOf = (name: string): string => join(directory, name);

/** What an agent does when its access token is over: the login it has must be alive, and is dead from then on. */
async function refresh(home: string): Promise<void> {
  const auth = await read(home);
  expect(auth).toMatchObject({ lab: { refresh: `r${current}` } });
  current += 1;
  await put(home, { ...auth, ...login(current) });
}

async function keep(): Promise<string> {
  await put(homeOf('first'), login(current));
  const seed = await seeds.capture({ host, home: homeOf('first'), opencodeVersion: '1.18.33', model: 'lab/m' });
  expect(seed.isExclusive).toBe(true);
  return seed.id;
}

const use = (seedId: string, name: string, more: Partial<UseOpencodeSeedOptions> = {}) =>
  seeds.use({ host, home: homeOf(name), seedId, holder: name, ...more });

describe('use', () => {
  it('never gives a dead login to three sessions in a row', async () => {
    const seedId = await keep();
    for (const name of ['a', 'b', 'c']) {
      await using used = await use(seedId, name);
      expect(used).toMatchObject({ isExclusive: true, planted: { model: 'lab/m' } });
      await refresh(homeOf(name));
      await refresh(homeOf(name));
      expect(await used.writeBack()).toBe(true);
      expect(await used.writeBack()).toBe(false);
      await refresh(homeOf(name));
      expect(await used.writeBack()).toBe(true);
    }
    expect(await seeds.get(seedId)).toMatchObject({ contentVersion: 7 });
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('lets a second session wait for the first, and gives it the newer login', async () => {
    const seedId = await keep();
    const first = await use(seedId, 'a');
    const told = Promise.withResolvers<string>();
    const waiting = use(seedId, 'b', { onWaiting: ({ holder }) => told.resolve(holder) });
    expect(await told.promise).toBe('a');
    await refresh(homeOf('a'));
    await first.writeBack();
    await first.release();
    await using second = await waiting;
    await refresh(homeOf('b'));
    expect(await second.writeBack()).toBe(true);
  });

  it('refuses a second session where that is wanted', async () => {
    const seedId = await keep();
    await using _first = await use(seedId, 'a');
    await expect(use(seedId, 'b', { whenBusy: 'refuse' })).rejects.toMatchObject({ code: 'SEED_IN_USE' });
    await expect(readFile(join(homeOf('b'), AUTH_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('writes nothing for a session whose lease went to another', async () => {
    const seedId = await keep();
    await using lost = await use(seedId, 'a');
    await refresh(homeOf('a'));
    const document = await store.get({ name: 'opencode_seeds' }, seedId);
    if (document === undefined) throw new Error('no seed');
    // As if it had been silent for too long.
    const lease = { holder: 'a', fencing: 1, expiresAt: new Date(0) };
    await store.replace({ name: 'opencode_seeds' }, { ...document, lease });
    await using _next = await use(seedId, 'b');
    await expect(lost.writeBack()).rejects.toMatchObject({ code: 'SEED_LEASE_LOST' });
  });

  it('takes no key, no new login and no former one from an agent', async () => {
    const seedId = await keep();
    await using used = await use(seedId, 'a');
    await put(homeOf('a'), {
      ...login(1),
      other: { type: 'api', key: 'evil' },
      new: { type: 'oauth', refresh: 'evil' },
    });
    expect(await used.writeBack()).toBe(false);
    await put(homeOf('a'), { ...login(2), other: { type: 'api', key: 'evil' } });
    expect(await used.writeBack()).toBe(true);
    await put(homeOf('a'), login(1, { expires: 9999 }));
    expect(await used.writeBack()).toBe(true); // Another login than any before, and good for longer.
    await put(homeOf('a'), login(2));
    expect(await used.writeBack()).toBe(false);
    await rm(join(homeOf('a'), AUTH_FILE));
    expect(await used.writeBack()).toBe(false);
    await seeds.plant({ host, home: homeOf('b'), seedId });
    expect(await read(homeOf('b'))).toEqual(login(1, { expires: 9999 }));
  });

  it('asks for no lease where nothing rotates, and finds out by itself in a seed of the original', async () => {
    await put(homeOf('first'), { other: { type: 'api', key: 'k' } });
    const { id } = await seeds.capture({ host, home: homeOf('first'), opencodeVersion: '1.18.33', model: 'other/m' });
    const document = await store.get({ name: 'opencode_seeds' }, id);
    if (document === undefined) throw new Error('no seed');
    const { isExclusive: _isExclusive, ...ofTheOriginal } = document;
    await store.replace({ name: 'opencode_seeds' }, { ...ofTheOriginal, id, revision: document.revision });
    await using first = await use(id, 'a', { whenBusy: 'refuse' });
    await using second = await use(id, 'b', { whenBusy: 'refuse' });
    expect([first.isExclusive, second.isExclusive]).toEqual([false, false]);
    expect(await first.writeBack()).toBe(false);
  });

  it('brings the newer login into a home that came back from a snapshot', async () => {
    const seedId = await keep();
    const home = homeOf('resumed');
    await put(home, login(1));
    {
      await using used = await use(seedId, 'a');
      await refresh(homeOf('a'));
      await used.writeBack();
    }
    {
      await using used = await use(seedId, 'resumed', { isResumed: true });
      expect(used.planted).toBeUndefined();
      await refresh(home);
      // Not written back: its worker died.
    }
    await using used = await use(seedId, 'again', { home, isResumed: true });
    expect(await read(home)).toMatchObject({ lab: { refresh: `r${current}` } });
    expect(await used.writeBack()).toBe(true);
    await seeds.plant({ host, home: homeOf('b'), seedId });
    expect(await read(homeOf('b'))).toMatchObject({ lab: { refresh: `r${current}` } });
  });

  it('is taken up again by the same holder, in the home as it is, unless another has used it since', async () => {
    const seedId = await keep();
    const options: UseOpencodeSeedOptions = { host, seedId, home: homeOf('second'), holder: 's1', leaseMs: 50 };
    await seeds.use(options);
    await refresh(homeOf('second'));
    // The process that held it is dead; the next one works for the same session.
    const adopted = await seeds.use({ ...options, isAdopted: true });
    expect(await read(homeOf('second'))).toMatchObject({ lab: { refresh: 'r2' } });
    expect(await adopted.writeBack()).toBe(true);
    await adopted.release();
    const other = await seeds.use({ host, seedId, home: homeOf('third'), holder: 's2' });
    expect(await read(homeOf('third'))).toMatchObject({ lab: { refresh: 'r2' } });
    await other.release();
    const late = seeds.use({ ...options, isAdopted: true });
    await expect(late).rejects.toMatchObject({ code: 'SEED_LEASE_LOST' });
  });
});
