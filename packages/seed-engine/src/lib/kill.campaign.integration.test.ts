import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { rawTar, startCampaign, tarEnd } from '@optio-ts/testkit';
import { generateX25519Identity } from 'age-encryption';
import { GridFSBucket, MongoClient, ObjectId } from 'mongodb';
import { beforeAll, describe, expect, inject, it } from 'vitest';

import { ageCipher } from './age-cipher.ts';
import type { Cipher } from './cipher.ts';
import { createId } from './id.ts';
import { createMongoStore } from './mongo-store.ts';
import { listSeeds, verifySeed } from './seed-store.ts';
import { listSnapshots, readSnapshotBlob } from './snapshots.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';
import { noise, readAll } from './testing/contract-case.ts';

const churner = fileURLToPath(new URL('../../test/seed-churner.ts', import.meta.url));
const manifest = { collection: { name: 'opencode_seeds' }, version: 1, include: ['home'], agent: 'opencode' };
const theirArchive = gzipSync(
  Buffer.concat([rawTar({ name: './home/auth.json', content: '{}' }, { name: './home/plugin', content: 'x' }), tarEnd]),
);
const rounds = { sample: 3, full: 200 };

let identities: readonly string[];
let cipher: Cipher;
beforeAll(async () => {
  identities = [await generateX25519Identity(), await generateX25519Identity()];
  cipher = ageCipher({ recipients: [], identities });
});

/** Lets a process work on a store for a random while and kills it. */
async function killOnce(moment: number, ...place: string[]): Promise<void> {
  const child = spawn(process.execPath, ['--conditions=@optio-ts/source', churner, ...place], {
    env: { ...process.env, OPTIO_IDENTITIES: identities.join(' ') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), exited]);
  expect(child.exitCode).toBeNull();
  // The moment is what the campaign varies; nothing is waited for.
  await delay(moment * 1000);
  child.kill('SIGKILL');
  await exited;
}

/** Everything that can be seen is whole. Returns how many blobs that is. */
async function checkAll(store: Store): Promise<number> {
  let blobs = 0;
  for (const { id } of await listSeeds({ store, manifest })) {
    const { error, members } = await verifySeed({ store, cipher, manifest, seedId: id });
    expect(error).toBeUndefined();
    expect(members.toSorted()).toEqual(['home/auth.json', 'home/plugin']);
    blobs += 1;
  }
  for await (const snapshot of listSnapshots(store, 'opencode', 'churn')) {
    await readAll(readSnapshotBlob(store, cipher, snapshot, 'workdir'));
    await readAll(readSnapshotBlob(store, cipher, snapshot, 'session'));
    blobs += 2;
  }
  return blobs;
}

describe('a process that is killed while it captures, imports, rotates and removes', { timeout: 3_600_000 }, () => {
  it('leaves nothing half-written in a SQLite store, and nothing that a sweep does not find', async () => {
    const campaign = startCampaign('kill a writer of SQLite', rounds);
    const directory = await mkdtemp(join(tmpdir(), 'optio-kill-'));
    const path = join(directory, 'store.db');
    try {
      for (let round = 0; round < campaign.rounds; round += 1) {
        await killOnce(campaign.random(), 'sqlite', path);
        await using store = createSqliteStore(path);
        const named = await checkAll(store);
        await store.sweep({ olderThanMs: 0 });
        expect(await checkAll(store)).toBe(named);
        const database = new DatabaseSync(path, { readOnly: true });
        const count = (text: string) => database.prepare(text).get()?.['n'];
        expect(count('SELECT count(*) AS n FROM blobs')).toBe(named);
        expect(count('SELECT count(DISTINCT blob) AS n FROM chunks')).toBe(named);
        expect(count('SELECT count(*) AS n FROM intents')).toBe(0);
        expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
        database.close();
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("leaves nothing of its own in MongoDB after a sweep, and others' files untouched", async ({ skip }) => {
    const uri = inject('mongoUri');
    if (uri === undefined) return skip(`needs ${inject('mongoMissing')}`);
    const campaign = startCampaign('kill a writer of MongoDB', rounds);
    const databaseName = `optio-test-${createId()}`;
    await using client = await MongoClient.connect(uri);
    const db = client.db(databaseName);
    try {
      // A file of somebody else's, and an upload of theirs that is under way.
      const foreign = new GridFSBucket(db).openUploadStream('foreign', { metadata: { processId: 'theirs' } });
      foreign.end(noise(400_000));
      await once(foreign, 'finish');
      // A seed as the original writes it, and a blob that it has lost the document of.
      const metadata = { processId: 'ab'.repeat(12), prefix: 'optio', name: 'seed' };
      const [theirs, lost] = await Promise.all(
        ['seed', 'seed'].map(async (name) => {
          const upload = new GridFSBucket(db).openUploadStream(name, { metadata });
          upload.end(theirArchive);
          await once(upload, 'finish');
          return upload.id;
        }),
      );
      const theirSeed = { createdAt: new Date(0), blobId: theirs, manifestVersion: 1 };
      await db.collection('optio_opencode_seeds').insertOne(theirSeed);
      const underWay = new ObjectId();
      await db.collection('fs.chunks').insertOne({ files_id: underWay, n: 0, data: noise(1000) });

      for (let round = 0; round < campaign.rounds; round += 1) {
        await killOnce(campaign.random(), 'mongo', uri, databaseName);
        const store = createMongoStore(db);
        const named = await checkAll(store);
        await store.sweep({ olderThanMs: 0 });
        expect(await checkAll(store)).toBe(named);
        expect(await db.collection('fs.files').countDocuments()).toBe(named + 2);
        expect(await db.collection('fs.chunks').distinct('files_id')).toHaveLength(named + 3);
        expect(await db.collection('optio_blob_intents').countDocuments({ blob: { $exists: true } })).toBe(0);
      }
      const read = (id: ObjectId | undefined) => readAll(new GridFSBucket(db).openDownloadStream(id ?? new ObjectId()));
      expect((await read(foreign.id)).equals(noise(400_000))).toBe(true);
      expect((await read(theirs)).equals(theirArchive)).toBe(true);
      expect((await read(lost)).equals(theirArchive)).toBe(true);
      expect(await db.collection('optio_opencode_seeds').findOne({ blobId: theirs })).toEqual(theirSeed);
    } finally {
      await db.dropDatabase();
    }
  });
});
