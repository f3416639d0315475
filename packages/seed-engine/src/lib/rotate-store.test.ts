import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { pack as packTar } from 'tar-stream';
import { beforeEach, describe, expect, it } from 'vitest';

import { ageCipher } from './age-cipher.ts';
import { bytesCipher } from './bytes-cipher.ts';
import { changeDocument } from './change-document.ts';
import { noCipher, type Cipher } from './cipher.ts';
import { isBlobRef, type StoredDocument } from './document.ts';
import { changeKeyring, recordRecipients } from './keyring-document.ts';
import { createMemoryStore } from './memory-store.ts';
import { rotateStore, type RotateStoreOptions } from './rotate-store.ts';
import { getSeed, listSeeds, storeSeed, verifySeed } from './seed-store.ts';
import type { SeedManifest } from './seed.ts';
import { sessionCollection } from './session-document.ts';
import {
  createSessionDocument,
  getSessionDocument,
  openSecret,
  sealSecret,
  updateSessionDocument,
} from './session-store.ts';
import { openSnapshot } from './snapshot-capture.ts';
import { listSnapshots, readSnapshotBlob, snapshotCollection } from './snapshots.ts';
import type { Store } from './store.ts';
import { listAll, readAll, stream } from './testing/contract-case.ts';

const manifest: SeedManifest = {
  collection: { name: 'opencode_seeds' },
  version: 1,
  include: ['auth.json'],
  agent: 'opencode',
};

interface Key {
  readonly identity: string;
  readonly recipient: string;
}

let store: Store;
let old: Key;
let next: Key;

async function makeKey(): Promise<Key> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}
const cipherOf = (recipients: readonly Key[], identities: readonly Key[]): Cipher =>
  ageCipher({
    recipients: recipients.map(({ recipient }) => recipient),
    identities: identities.map(({ identity }) => identity),
  });

beforeEach(async () => {
  store = createMemoryStore();
  [old, next] = [await makeKey(), await makeKey()];
});

function archive(): Readable {
  const pack = packTar();
  pack.entry({ name: 'auth.json' }, 'the login');
  pack.finalize();
  return (pack as unknown as Readable).pipe(createGzip());
}

/** A seed, a snapshot with all parts, and a session with a secret. */
async function fill(cipher: Cipher, taskId = 'task'): Promise<void> {
  await storeSeed({ store, cipher, manifest, archive: archive(), label: taskId });
  const session = await createSessionDocument(store, {
    taskId,
    agent: 'opencode',
    runId: 'run',
    host: 'here',
    taskDirectory: '/task',
    ownerId: 'a worker',
    leaseMs: 60_000,
  });
  await updateSessionDocument(store, session, { secrets: { password: await sealSecret(cipher, 'the password') } });
  const draft = openSnapshot({
    store,
    cipher,
    taskId,
    agent: 'opencode',
    processId: session.processId,
    sessionId: 'ses',
    ...(taskId === 'compat' ? { workdirCipher: noCipher } : {}),
  });
  await draft.write('workdir', stream('the workdir'));
  await draft.write('session', stream('the session'));
  await draft.write('login', stream('the login'));
  await draft.commit({ endState: 'done' });
}

const rotate = (cipher: Cipher, more: Partial<RotateStoreOptions> = {}) =>
  rotateStore({ store, cipher, manifests: [manifest], agents: ['opencode'], ...more });

/** Reads everything with one key. Returns how many things that were. */
async function readEverything(cipher: Cipher, inStore = store, tasks = ['task']): Promise<number> {
  let read = 0;
  for (const { id } of await listSeeds({ store: inStore, manifest })) {
    expect(await verifySeed({ store: inStore, cipher, manifest, seedId: id })).toMatchObject({ isSound: true });
    read += 1;
  }
  for (const taskId of tasks) {
    for (const snapshot of await listAll(listSnapshots(inStore, 'opencode', taskId))) {
      for (const part of ['workdir', 'session', 'login'] as const) {
        expect(String(await readAll(readSnapshotBlob(inStore, cipher, snapshot, part)))).toBe(`the ${part}`);
        read += 1;
      }
    }
  }
  for await (const { id } of inStore.list(sessionCollection)) {
    const session = await getSessionDocument(inStore, id);
    expect(session && (await openSecret(cipher, session, 'password'))).toBe('the password');
    read += 1;
  }
  return read;
}

describe('rotateStore', () => {
  it('seals everything anew for the new recipients, and nothing twice', async () => {
    await fill(cipherOf([old], [old]));
    const target = cipherOf([next], [old, next]);
    const told: number[] = [];
    const onProgress = ({ done, total }: { readonly done: number; readonly total: number }) => told.push(done / total);
    expect(await rotate(target, { onProgress })).toEqual({
      resealed: 5,
      upToDate: 0,
      plain: 0,
      unreadable: [],
      uploads: 0,
      retired: [],
      retiring: [],
    });
    expect(told).toEqual([1 / 3, 2 / 3, 1]);
    expect(await readEverything(cipherOf([next], [next]))).toBe(5);
    const [seed] = await listSeeds({ store, manifest });
    await expect(readEverything(cipherOf([old], [old]))).rejects.toThrow();
    expect(seed).toMatchObject({
      label: 'task',
      contentVersion: 1,
      sealedFor: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(await rotate(target)).toMatchObject({ resealed: 0, upToDate: 5 });
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('goes on after it was killed at any call of the store, and leaves everything readable meanwhile', async () => {
    let calls = Number.POSITIVE_INFINITY;
    for (let crashAt = 1; crashAt <= calls; crashAt += 1) {
      store = createMemoryStore();
      await recordRecipients(store, [next.recipient]);
      await changeKeyring(store, (current) => ({ ...current, retiring: [old.recipient] }));
      await fill(cipherOf([old], [old]));
      const target = cipherOf([next], [old, next]);
      let made = 0;
      const mortal = dieAt(store, () => (made += 1) === crashAt);
      const report = await rotate(target, { store: mortal }).catch((error: unknown) => error);
      if (!(report instanceof Error)) calls = made;
      // The process is gone: nothing was discarded. All is there, under the old key or the new one.
      expect(await readEverything(cipherOf([old, next], [old, next]))).toBe(5);
      await store.sweep({ olderThanMs: 0 });
      expect(await rotate(target)).toMatchObject({ unreadable: [], retiring: [] });
      expect(await readEverything(cipherOf([next], [next]))).toBe(5);
      expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0, youngIntents: 0 });
    }
    expect(calls).toBeGreaterThan(20);
  });

  it('marks and reports what it cannot open, keeps it, and comes back to it once the key is there', async () => {
    const lost = await makeKey();
    await fill(cipherOf([lost], [lost]));
    await fill(cipherOf([old], [old]), 'other');
    await recordRecipients(store, [next.recipient]);
    await changeKeyring(store, (current) => ({ ...current, retiring: [lost.recipient] }));
    const report = await rotate(cipherOf([next], [old, next]));
    expect(report).toMatchObject({ resealed: 5, retired: [], retiring: [lost.recipient] });
    expect(report.unreadable.map(({ kind, code }) => [kind, code])).toEqual([
      ['seed', 'DECRYPT_FAILED'],
      ['snapshot', 'DECRYPT_FAILED'],
      ['session', 'DECRYPT_FAILED'],
    ]);
    const marked = (await listSeeds({ store, manifest })).find(({ label }) => label === 'task');
    expect(marked?.quarantine).toEqual({
      reason: expect.stringContaining('none of the configured keys'),
      at: expect.any(Date),
    });
    const [snapshot] = await listAll(listSnapshots(store, 'opencode', 'task'));
    expect(snapshot?.quarantine?.reason).toContain('none of the configured keys');

    expect(await rotate(cipherOf([next], [old, next, lost]))).toMatchObject({
      resealed: 5,
      upToDate: 5,
      unreadable: [],
      retired: [lost.recipient],
    });
    expect(await getSeed({ store, manifest, seedId: marked?.id ?? '' })).not.toHaveProperty('quarantine');
    expect(await readEverything(cipherOf([next], [next]), store, ['task', 'other'])).toBe(10);
  });

  it('goes on past what is damaged', async () => {
    const cipher = cipherOf([old], [old]);
    await fill(cipher);
    await store.insert(manifest.collection, { id: 'broken', createdAt: new Date(), manifestVersion: 1 });
    const damaged = damage(store, blobOf(await first(manifest.collection)));
    const report = await rotate(cipherOf([next], [old, next]), { store: damaged });
    expect(report.unreadable.map(({ id, code }) => [id === 'broken', code])).toEqual(
      expect.arrayContaining([
        [false, 'BLOB_CORRUPT'],
        [true, 'SEED_MALFORMED'],
      ]),
    );
    expect(report.resealed).toBe(4);
    // Damage needs no key: it keeps none.
    expect(report.retiring).toEqual([]);
    expect(await listSeeds({ store, manifest })).toHaveLength(2);
  });

  it('forgets no recipient while an upload is under way that may be sealed for it', async () => {
    await recordRecipients(store, [next.recipient]);
    await changeKeyring(store, (current) => ({ ...current, retiring: [old.recipient] }));
    const target = cipherOf([next], [old, next]);
    const draft = openSnapshot({
      store,
      cipher: cipherOf([old], [old]),
      taskId: 'task',
      agent: 'opencode',
      processId: 'ab'.repeat(12),
      sessionId: 'ses',
    });
    await draft.write('workdir', stream('the workdir'));
    expect(await rotate(target)).toMatchObject({ uploads: 1, retired: [], retiring: [old.recipient] });
    await draft.write('session', stream('the session'));
    await draft.write('login', stream('the login'));
    await draft.commit({ endState: 'done' });
    expect(await rotate(target)).toMatchObject({ resealed: 3, uploads: 0, retired: [old.recipient], retiring: [] });
  });

  it('seals an upload for whoever is a recipient once it is announced', async () => {
    // A rotation that sees no upload thinks that all which come are sealed for the new recipients.
    let recipients = [old];
    const live: Cipher = { ...cipherOf([old], [old]), current: async () => cipherOf(recipients, [old, next]) };
    const late: Store = {
      ...store,
      async writeBlob(options) {
        recipients = [next];
        return store.writeBlob(options);
      },
    };
    await storeSeed({ store: late, cipher: live, manifest, archive: archive() });
    const [seed] = await listSeeds({ store, manifest });
    const verification = await verifySeed({
      store,
      cipher: cipherOf([next], [next]),
      manifest,
      seedId: seed?.id ?? '',
    });
    expect(verification).toMatchObject({ isSound: true });
    expect(await rotate(cipherOf([next], [next]))).toMatchObject({ upToDate: 1 });
  });

  it('is not undone by a holder that renews its lease, however long the sealing takes', async () => {
    await fill(cipherOf([old], [old]));
    let writes = 0;
    const beating: Store = {
      ...store,
      async replace(collection, document) {
        // One renewal for each blob that was written.
        if (collection.name === manifest.collection.name && writes === 1) {
          const { id } = document;
          await changeDocument(store, collection, id, ({ id: _id, revision: _revision, ...fields }) => ({
            ...fields,
            lease: { holder: 'a', fencing: 1, expiresAt: new Date(Date.now() + 60_000) },
          }));
          writes = 0;
        }
        return store.replace(collection, document);
      },
      writeBlob(options) {
        if (options.name === 'seed' && (writes += 1) > 1) throw new Error('sealed twice');
        return store.writeBlob(options);
      },
    };
    expect(await rotate(cipherOf([next], [old, next]), { store: beating })).toMatchObject({ resealed: 5 });
    expect(await first(manifest.collection)).toMatchObject({ lease: { holder: 'a' } });
    expect(await readEverything(cipherOf([next], [next]))).toBe(5);
  });

  it('takes what an owner changes meanwhile, and what comes in between', async () => {
    const before = cipherOf([old], [old]);
    await fill(before);
    let isChanged = false;
    const busy: Store = {
      ...store,
      async replace(collection, document) {
        if (!isChanged) {
          isChanged = true;
          const current = await store.get(collection, document.id);
          if (current !== undefined) await store.replace(collection, { ...current, label: 'changed' });
          await fill(before, 'late');
        }
        return store.replace(collection, document);
      },
    };
    expect(await rotate(cipherOf([next], [old, next]), { store: busy })).toMatchObject({
      resealed: 10,
      unreadable: [],
    });
    expect(await readEverything(cipherOf([next], [next]), store, ['task', 'late'])).toBe(10);
    expect((await listSeeds({ store, manifest })).map(({ label }) => label)).toEqual(['late', 'changed']);
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('takes nothing away from whoever has loaded a snapshot before', async () => {
    await fill(cipherOf([old], [old]));
    const [loaded] = await listAll(listSnapshots(store, 'opencode', 'task'));
    if (loaded === undefined) throw new Error('no snapshot');
    const target = cipherOf([next], [old, next]);
    await rotate(target);
    expect(String(await readAll(readSnapshotBlob(store, target, loaded, 'workdir')))).toBe('the workdir');
    await store.remove(snapshotCollection('opencode'), loaded.id);
    await expect(readAll(readSnapshotBlob(store, target, loaded, 'workdir'))).rejects.toMatchObject({
      code: 'BLOB_NOT_FOUND',
    });
  });

  it('goes over to another cipher, and leaves plain what is plain on purpose', async () => {
    const shift = (by: number) => (bytes: Uint8Array) => bytes.map((byte) => byte + by);
    const hooks = bytesCipher({ encrypt: shift(1), decrypt: shift(-1) });
    await fill(hooks, 'compat');
    // As the original wrote it: no cipher is named.
    const collection = snapshotCollection('opencode');
    const {
      sessionCipher: _session,
      loginCipher: _login,
      workdirCipher: _workdir,
      ...fields
    } = await first(collection);
    await store.replace(collection, fields as StoredDocument);
    expect(await rotate(cipherOf([next], [next]), { from: hooks })).toMatchObject({
      resealed: 4,
      plain: 1,
      unreadable: [],
    });
    expect(await readEverything(cipherOf([next], [next]), store, ['compat'])).toBe(5);
  });

  it('opens what the original sealed with hooks when it goes over to them, and seals nothing twice', async () => {
    const shift = (by: number) => (bytes: Uint8Array) => bytes.map((byte) => byte + by);
    const hooks = bytesCipher({ encrypt: shift(1), decrypt: shift(-1) });
    await fill(hooks);
    const { cipher: _cipher, ...fields } = await first(manifest.collection);
    await store.replace(manifest.collection, fields as StoredDocument);
    await rotate(hooks, { from: cipherOf([old], [old]) });
    expect(await readEverything(hooks)).toBe(5);
  });

  it('refuses two ciphers that documents could not tell apart: nothing would be sealed anew', async () => {
    const shift = (by: number) => (bytes: Uint8Array) => bytes.map((byte) => byte + by);
    const hooks = (by: number) => bytesCipher({ encrypt: shift(by), decrypt: shift(-by) });
    await fill(hooks(1));
    await expect(rotate(hooks(2), { from: hooks(1) })).rejects.toThrow(/both.*"bytes".*another name/);
    await expect(rotate(hooks(2), { from: hooks(1) })).rejects.toBeInstanceOf(TypeError);
    expect(await readEverything(hooks(1))).toBe(5);
  });

  it('seals for no recipient that another rotation has put aside meanwhile', async () => {
    const last = await makeKey();
    await fill(cipherOf([old], [old]));
    await recordRecipients(store, [next.recipient]);
    await changeKeyring(store, (current) => ({ ...current, retiring: [old.recipient] }));
    const all = [old, next, last];
    let recipients = [next];
    const live: Cipher = { ...cipherOf([next], all), current: async () => cipherOf(recipients, all) };
    let isChanged = false;
    const overtaken: Store = {
      ...store,
      async replace(collection, document) {
        const replaced = await store.replace(collection, document);
        if (!isChanged) {
          isChanged = true;
          recipients = [last];
          await changeKeyring(store, () => ({
            recipients: [last.recipient],
            retiring: [old.recipient, next.recipient],
          }));
          expect(await rotate(live)).toMatchObject({ retiring: [] });
        }
        return replaced;
      },
    };
    await rotate(live, { store: overtaken });
    expect(await readEverything(cipherOf([last], [last]))).toBe(5);
  });

  it('refuses to seal for others alone, before anything is changed', async () => {
    await fill(cipherOf([old], [old]));
    await expect(rotate(cipherOf([next], [old]))).rejects.toMatchObject({ code: 'KEY_MISSING' });
    expect(await readEverything(cipherOf([old], [old]))).toBe(5);
  });
});

async function first(collection: { readonly name: string }): Promise<StoredDocument> {
  for await (const document of store.list(collection, { limit: 1 })) return document;
  throw new Error('nothing there');
}

function blobOf(document: StoredDocument): string {
  const reference = document['blobId'];
  return isBlobRef(reference) ? reference.blob : '';
}

/** The same store, of which one blob reads as something else. */
function damage(sound: Store, blob: string): Store {
  return {
    ...sound,
    async *readBlob(id, options) {
      for await (const chunk of sound.readBlob(id, options)) yield chunk;
      if (id !== blob) return;
      const { blobCorrupt } = await import('./store-errors.ts');
      throw blobCorrupt(sound.description, id, 'its SHA-256 is not the one it was written with');
    },
  };
}

/** The same store for a process that dies: from a moment on nothing gets through any more. */
function dieAt(living: Store, isMoment: () => boolean): Store {
  let isDead = false;
  const live = (): void => {
    isDead ||= isMoment();
    if (isDead) throw new Error('killed');
  };
  return {
    ...living,
    async get(collection, id) {
      live();
      return living.get(collection, id);
    },
    async insert(collection, document) {
      live();
      return living.insert(collection, document);
    },
    async replace(collection, document) {
      live();
      return living.replace(collection, document);
    },
    async *list(collection, options) {
      live();
      yield* living.list(collection, options);
    },
    async writeBlob(options) {
      live();
      return living.writeBlob(options);
    },
    async *readBlob(id, options) {
      live();
      yield* living.readBlob(id, options);
    },
    async discardBlob(id) {
      live();
      return living.discardBlob(id);
    },
    async sweep(options) {
      live();
      return living.sweep(options);
    },
  };
}
