import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { MongoClient } from 'mongodb';
import { pack as packTar } from 'tar-stream';
import { expect, inject, it } from 'vitest';

import { createId } from './id.ts';
import { addRecipient, replaceIdentity } from './keyring-change.ts';
import { openKeyring } from './keyring.ts';
import { createMongoStore } from './mongo-store.ts';
import { rotateStore } from './rotate-store.ts';
import { acquireSeedLease } from './seed-lease.ts';
import { listSeeds, storeSeed, verifySeed } from './seed-store.ts';
import type { SeedManifest } from './seed.ts';
import { openSnapshot } from './snapshot-capture.ts';
import { loadLatestSnapshot, readSnapshotBlob } from './snapshots.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';
import { noise, readAll, stream } from './testing/contract-case.ts';

const manifest: SeedManifest = {
  collection: { name: 'opencode_seeds' },
  version: 1,
  include: ['home'],
  agent: 'opencode',
};

/** A worker that has run for long, a user who changes the key, and readers who have only the new one. */
async function changeKeys(store: Store, directory: string): Promise<void> {
  const identityPath = join(directory, 'identity.txt');
  const running = await openKeyring({ store, identityPath });
  const capture = async (round: number): Promise<void> => {
    const pack = packTar();
    pack.entry({ name: 'home/auth.json' }, noise(700_000, round));
    pack.finalize();
    const archive = (pack as unknown as Readable).pipe(createGzip());
    const { id } = await storeSeed({ store, cipher: running.cipher, manifest, archive });
    await acquireSeedLease({ store, manifest, seedId: id, holder: `round ${round}` });
    const draft = openSnapshot({
      store,
      cipher: running.cipher,
      agent: 'opencode',
      taskId: 'task',
      sessionId: 'ses',
      processId: 'ab'.repeat(12),
    });
    await draft.write('workdir', stream(noise(600_000, round)));
    await draft.write('session', stream('{}'));
    await draft.commit({ endState: 'done' });
  };
  await capture(1);
  const recipient = await replaceIdentity({ store, identityPath });
  await capture(2);
  const { cipher } = await openKeyring({ store, identityPath });
  const rotate = () => rotateStore({ store, cipher, manifests: [manifest], agents: ['opencode'] });
  expect(await rotate()).toEqual({
    resealed: 3,
    upToDate: 3,
    plain: 0,
    unreadable: [],
    uploads: 0,
    retired: running.recipients,
    retiring: [],
  });
  expect(await rotate()).toMatchObject({ resealed: 0, upToDate: 6 });
  await addRecipient({ store, recipient: running.recipients[0] ?? '' });
  expect(await rotate()).toMatchObject({ resealed: 6, upToDate: 0 });

  const seeds = await listSeeds({ store, manifest });
  expect(seeds.map(({ lease, quarantine }) => [lease?.holder, quarantine])).toEqual([
    ['round 2', undefined],
    ['round 1', undefined],
  ]);
  const reader = await openKeyring({ store, identityPath });
  expect(reader.recipients[0]).toBe(recipient);
  for (const { id } of seeds) {
    expect(await verifySeed({ store, cipher: reader.cipher, manifest, seedId: id })).toMatchObject({ isSound: true });
  }
  const snapshot = await loadLatestSnapshot(store, 'opencode', 'task');
  if (snapshot === undefined) throw new Error('no snapshot');
  const workdir = await readAll(readSnapshotBlob(store, reader.cipher, snapshot, 'workdir'));
  expect(workdir.equals(noise(600_000, 2))).toBe(true);
  expect(await store.sweep({ olderThanMs: 0 })).toEqual({ removedBlobs: 0, keptBlobs: 0, youngIntents: 0 });
}

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'optio-rotate-'));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

it('seals a SQLite store anew', () =>
  inDirectory(async (directory) => {
    await using store = createSqliteStore(join(directory, 'store.db'));
    await changeKeys(store, directory);
  }));

it('seals a store in MongoDB anew, and leaves no file behind', async ({ skip }) => {
  const uri = inject('mongoUri');
  if (uri === undefined) return skip(`needs ${inject('mongoMissing')}`);
  await using client = await MongoClient.connect(uri);
  const db = client.db(`optio-rotate-${createId()}`);
  try {
    await inDirectory((directory) => changeKeys(createMongoStore(db), directory));
    expect(await db.collection('fs.files').countDocuments()).toBe(6);
    expect(await db.collection('fs.chunks').distinct('files_id')).toHaveLength(6);
  } finally {
    await db.dropDatabase();
  }
});
