import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { createLocalHost } from '@optio-ts/host-core';
import {
  acquireSeedLease,
  bytesCipher,
  createId,
  DecryptError,
  noCipher,
  releaseSeedLease,
  renewSeedLease,
  rewriteSeed,
  rotateStore,
  type Cipher,
  type Store,
} from '@optio-ts/seed-engine';
import { createMongoStore } from '@optio-ts/seed-engine/mongo';
import { originalHooks } from '@optio-ts/testkit';
import { setOriginalStage } from '@optio-ts/testkit/original-stage';
import { GridFSBucket, ObjectId, type Db } from 'mongodb';
import { afterAll, describe, expect, it } from 'vitest';

import { AUTH_FILE, CONFIG_FILE, opencodeManifest, PLUGINS_DIRECTORY } from './manifest.ts';
import { opencodeSeeds, type OpencodeSeeds } from './opencode-seeds.ts';

// The Python package optio-opencode 0.1.6 itself, on the same MongoDB server: what either writes, the other can use.

const opencodeVersion = '1.18.33';

/** The files of a seed, as both should bring them. */
const files = {
  [AUTH_FILE]: '{"lab": {"type": "api", "key": "s3cret"}}\n',
  [CONFIG_FILE]: `${JSON.stringify({ model: 'lab/m1', theme: 'dark' }, undefined, 2)}\n`,
  [`${PLUGINS_DIRECTORY}/hook.sh`]: '#!/bin/sh\n',
  [`${PLUGINS_DIRECTORY}/lib/größe ${'x'.repeat(90)}.bin`]: randomBytes(700_000).toString('latin1'),
  [`${PLUGINS_DIRECTORY}/empty`]: '',
};

for (const hooks of ['without encryption hooks', 'with encryption hooks']) {
  describe(`seeds of the original and ours, ${hooks}`, () => {
    const isSealed = hooks.startsWith('with ');
    const key = randomBytes(32);
    const cipher = isSealed ? aesHooks(key) : noCipher;
    const host = createLocalHost();
    let store: Store;
    let seeds: OpencodeSeeds;
    const stage = setOriginalStage({
      key: isSealed ? key : undefined,
      async prepare({ db }) {
        store = createMongoStore(db);
        seeds = opencodeSeeds({ store, cipher });
        // Whoever is first makes the bucket's indexes: each of the two once.
        if (isSealed) await captureOurs('first');
      },
    });
    afterAll(() => host[Symbol.asyncDispose]());

    const homeOf = (processId: string): string => join(stage.taskRoot, processId, 'workdir/home');

    async function fillHome(processId: string): Promise<string> {
      const home = homeOf(processId);
      const transcript = { '.local/share/opencode/storage/message.json': 'transcript' };
      for (const [path, content] of Object.entries({ ...files, ...transcript })) {
        await mkdir(dirname(join(home, path)), { recursive: true });
        await writeFile(join(home, path), content, 'latin1');
      }
      await chmod(join(home, PLUGINS_DIRECTORY, 'hook.sh'), 0o755);
      await symlink('../plugins/hook.sh', join(home, PLUGINS_DIRECTORY, 'link'));
      await mkdir(join(home, PLUGINS_DIRECTORY, 'empty directory'));
      return home;
    }

    const captureOurs = async (processId: string, more: object = {}) =>
      seeds.capture({
        host,
        home: await fillHome(processId),
        opencodeVersion,
        scope: 'everything',
        acceptCode: true,
        ...more,
      });

    async function documentOf(seedId: string): Promise<{ document: Record<string, unknown>; file: unknown }> {
      const _id = new ObjectId(seedId);
      const document = await stage.db.collection('optio_opencode_seeds').findOne({ _id });
      const file = await stage.db.collection('fs.files').findOne({ _id: document?.['blobId'] });
      return { document: { ...document }, file };
    }

    async function remains(blobId: unknown): Promise<number> {
      const files_id = blobId as ObjectId;
      const chunks = await stage.db.collection('fs.chunks').countDocuments({ files_id });
      return chunks + (await stage.db.collection('fs.files').countDocuments({ _id: files_id }));
    }

    it('are listed, verified and planted here when the original wrote them', async () => {
      const home = await fillHome('theirs');
      const { processOid, value: seedId } = await stage.original.captureSeed('theirs');
      const { document, file } = await documentOf(seedId);
      expect(Object.keys(document).toSorted()).toEqual(['_id', 'blobId', 'createdAt', 'manifestVersion']);
      expect(file).toMatchObject({ metadata: { processId: processOid, prefix: 'optio', name: 'seed' } });

      const [listed] = await seeds.list();
      expect(listed).toMatchObject({ id: seedId, createdAt: document['createdAt'], manifestVersion: 1 });
      const { isSound, members, skipped } = await seeds.verify(seedId);
      expect(isSound).toBe(true);
      expect(members.toSorted()).toEqual([...Object.keys(files), `${PLUGINS_DIRECTORY}/link`].toSorted());
      expect(skipped).toEqual([]);

      const target = homeOf('planted-here');
      const planted = await seeds.plant({ host, home: target, seedId });
      expect(planted.model).toBe('lab/m1');
      expect(await readTree(target)).toEqual(withoutTranscript(await readTree(home)));
    });

    it('stay usable there after all that is done to them here: label, end, lease, written back, sealed anew', async () => {
      const home = await fillHome('kept');
      const { value: theirs } = await stage.original.captureSeed('kept');
      const ours = await captureOurs('kept-ours');
      const transform = { files: [AUTH_FILE], apply: async () => ({ [AUTH_FILE]: Buffer.from(files[AUTH_FILE]) }) };
      const leases = [];
      for (const seedId of [theirs, ours.id]) {
        const lease = await acquireSeedLease({ store, manifest: opencodeManifest, seedId, holder: 'a' });
        leases.push(lease);
        await seeds.update(seedId, { label: 'kept', expiresAt: new Date(Date.now() + 3_600_000) });
        await rewriteSeed({ store, cipher, manifest: opencodeManifest, seedId, lease, transform });
      }
      // On to the same hooks under another name, and back.
      if (isSealed) {
        const renamed = { ...cipher, name: 'renamed' };
        const ciphers = { store, manifests: [opencodeManifest], agents: [] };
        await rotateStore({ ...ciphers, cipher: renamed, from: cipher });
        await rotateStore({ ...ciphers, cipher, from: renamed });
      }
      for (const lease of leases) {
        const { seedId } = lease;
        await stage.original.plantSeed(`${seedId}-there`, seedId);
        expect(await readTree(homeOf(`${seedId}-there`))).toEqual(withoutTranscript(await readTree(home)));
        expect((await stage.original.listSeeds()).map((seed) => seed.seedId)).toContain(seedId);

        // The original knows nothing of leases.
        await stage.original.purgeSeed(seedId);
        const bound = { store, manifest: opencodeManifest, lease };
        await expect(renewSeedLease(bound)).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
        await expect(rewriteSeed({ ...bound, cipher, seedId, transform })).rejects.toMatchObject({
          code: 'SEED_NOT_FOUND',
        });
        await releaseSeedLease(bound);
      }
      expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
    });

    it('have the fields and bytes that the original needs when they are written here', async () => {
      const processId = createId();
      const seed = await captureOurs('ours', { processId, label: 'work' });
      const { document, file } = await documentOf(seed.id);
      expect(document).toMatchObject({
        _id: expect.any(ObjectId),
        blobId: expect.any(ObjectId),
        createdAt: expect.any(Date),
        manifestVersion: 1,
      });
      expect(file).toMatchObject({
        filename: 'seed',
        chunkSize: 261_120,
        length: seed.sizeBytes,
        metadata: { processId, prefix: 'optio', name: 'seed' },
      });
      const bytes = await readBlob(stage.db, document['blobId'] as ObjectId);
      const archive = isSealed ? await open(cipher, bytes) : bytes;
      expect(gunzipSync(archive).includes(AUTH_FILE)).toBe(true);
    });

    it('are listed and planted by the original when they are written here', async () => {
      const seed = await captureOurs('ours-for-them');
      const listed = await stage.original.listSeeds();
      const theirs = listed.find(({ seedId }) => seedId === seed.id);
      expect(new Date(theirs?.createdAt ?? 0)).toEqual(seed.createdAt);
      expect(listed.map(({ seedId }) => seedId).toSorted()).toEqual(
        (await seeds.list()).map(({ id }) => id).toSorted(),
      );

      await stage.original.plantSeed('planted-there', seed.id);
      const [planted, source] = [await readTree(homeOf('planted-there')), await readTree(homeOf('ours-for-them'))];
      expect(planted).toEqual(withoutTranscript(source));
    });

    it('carry login and model to the original in the default scope too', async () => {
      const seed = await captureOurs('login', { scope: 'login', acceptCode: false });
      await stage.original.plantSeed('login-there', seed.id);
      const tree = await readTree(homeOf('login-there'));
      expect(tree[AUTH_FILE]).toBe(`600 ${files[AUTH_FILE]}`);
      expect(JSON.parse(tree[CONFIG_FILE]?.slice(4) ?? '')).toEqual({ model: 'lab/m1' });
      expect(Object.keys(tree)).toHaveLength(7); // Two files and the directories above them.
    });

    it('survive the whole way: captured there, planted and captured here, planted there', async () => {
      const home = await fillHome('round');
      const { value } = await stage.original.captureSeed('round');
      await seeds.plant({ host, home: homeOf('round-here'), seedId: value });
      const again = await seeds.capture({
        host,
        home: homeOf('round-here'),
        opencodeVersion,
        scope: 'everything',
        acceptCode: true,
      });
      await stage.original.plantSeed('round-there', again.id);
      expect(await readTree(homeOf('round-there'))).toEqual(withoutTranscript(await readTree(home)));
    });

    it('are removed, with their content, by whoever is asked to', async () => {
      await fillHome('purge');
      const { value: theirs } = await stage.original.captureSeed('purge');
      const ours = await captureOurs('purge-ours');
      const blobs = [await documentOf(theirs), await documentOf(ours.id)].map(({ document }) => document['blobId']);
      for (const blob of blobs) expect(await remains(blob)).toBeGreaterThan(1);

      await seeds.purge(theirs);
      await stage.original.purgeSeed(ours.id);
      expect(await Promise.all(blobs.map(remains))).toEqual([0, 0]);
      expect(await seeds.get(ours.id)).toBeUndefined();
      await expect(stage.original.purgeSeed(theirs)).rejects.toThrow(/^KeyError/);
      await expect(stage.original.plantSeed('nowhere', theirs)).rejects.toThrow(theirs);
      await expect(seeds.purge(ours.id)).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
      expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
    });

    it('are refused, not planted as rubbish, with other hooks', async () => {
      await fillHome('refused');
      const { value } = await stage.original.captureSeed('refused');
      const others = isSealed ? [noCipher, aesHooks(randomBytes(32))] : [aesHooks(randomBytes(32))];
      for (const other of others) {
        const wrong = opencodeSeeds({ store, cipher: other });
        const target = homeOf('never');
        await expect(wrong.plant({ host, home: target, seedId: value })).rejects.toSatisfy((error) =>
          DecryptError.is(error),
        );
        expect(await readTree(target)).toEqual({});
      }
    });

    it("leave the other's indexes and a sweep in peace", async () => {
      const before = (await seeds.list()).length;
      await store.sweep({ olderThanMs: 0 });
      for (const { id } of await seeds.list()) expect((await seeds.verify(id)).isSound).toBe(true);
      expect(await stage.original.listSeeds()).toHaveLength(before);
      const keys = async (name: string) => (await stage.db.collection(name).indexes()).map(({ key: fields }) => fields);
      expect(await keys('fs.chunks')).toEqual([{ _id: 1 }, { files_id: 1, n: 1 }]);
      expect(await keys('fs.files')).toEqual([{ _id: 1 }, { filename: 1, uploadDate: 1 }]);
    });
  });
}

/** The hooks that the original is given by its driver, as a cipher of ours. */
const aesHooks = (key: Uint8Array): Cipher => bytesCipher({ name: 'aes', ...originalHooks(key) });

async function open(cipher: Cipher, bytes: Buffer): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of cipher.decrypt([bytes] as unknown as AsyncIterable<Uint8Array>)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function readBlob(db: Db, id: ObjectId): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of new GridFSBucket(db).openDownloadStream(id)) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Every path below a directory, with whether its owner may run it and what it holds. */
async function readTree(directory: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const path of await readdir(directory, { recursive: true }).catch((): string[] => [])) {
    const file = join(directory, path);
    const status = await lstat(file);
    if (status.isSymbolicLink()) tree[path] = `-> ${await readlink(file)}`;
    else if (status.isDirectory()) tree[path] = 'directory';
    else tree[path] = `${(status.mode & 0o100) === 0 ? 600 : 700} ${await readFile(file, 'latin1')}`;
  }
  return tree;
}

function withoutTranscript(tree: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !path.startsWith('.local/share/opencode/storage')));
}
