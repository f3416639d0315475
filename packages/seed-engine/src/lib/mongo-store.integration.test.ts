import { once } from 'node:events';

import { GridFSBucket, Long, MongoClient, ObjectId, type Db } from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

import { bytesCipher } from './bytes-cipher.ts';
import { noCipher } from './cipher.ts';
import { createId } from './id.ts';
import { createMongoStore } from './mongo-store.ts';
import { getSeed, listSeeds, purgeSeed, storeSeed, verifySeed } from './seed-store.ts';
import { openSnapshot } from './snapshot-capture.ts';
import { loadLatestSnapshot } from './snapshots.ts';
import { noise, readAll, stream, type StoreContractSubject, writeSmall } from './testing/contract-case.ts';
import { storeContract } from './testing/store-contract.ts';

const uri = inject('mongoUri');
const databaseName = `optio-test-${createId()}`;
const clients: MongoClient[] = [];
let db: Db;
let subject: StoreContractSubject;

beforeAll(async () => {
  if (uri === undefined) return;
  clients.push(await MongoClient.connect(uri), await MongoClient.connect(uri));
  const [client, another] = clients;
  if (client === undefined || another === undefined) return;
  db = client.db(databaseName);
  const open = () => createMongoStore(db);
  subject = { store: open(), other: createMongoStore(another.db(databaseName)), open };
});
afterAll(async () => {
  await clients[0]?.db(databaseName).dropDatabase();
  for (const client of clients) await client.close();
});
beforeEach(({ skip }) => {
  if (uri === undefined) skip(`needs ${inject('mongoMissing')}`);
});

describe('createMongoStore', () => {
  for (const { name, run } of storeContract) it(name, () => run(subject));
});

describe('what a MongoDB store writes', () => {
  const collection = { name: 'things' };

  it('is GridFS, readable by any driver', async () => {
    const { store } = subject;
    const content = noise(1_200_000);
    const owner = { collection, id: createId() };
    const metadata = { processId: 'ab'.repeat(12) };
    const blob = await store.writeBlob({ owner, name: 'seed', metadata, content: stream(content) });
    const chunks: Uint8Array[] = [];
    const download = new GridFSBucket(db).openDownloadStream(new ObjectId(blob.id));
    for await (const chunk of download) chunks.push(chunk as Uint8Array);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(await db.collection('fs.files').findOne({ _id: new ObjectId(blob.id) })).toEqual({
      _id: new ObjectId(blob.id),
      length: content.length,
      chunkSize: 261_120,
      uploadDate: expect.any(Date),
      filename: 'seed',
      metadata: { ...metadata, prefix: 'optio', name: 'seed', sha256: blob.sha256 },
    });
  });

  it('shows no file before it is whole', async () => {
    const { store } = subject;
    const owner = { collection, id: createId() };
    const files = () => db.collection('fs.files').countDocuments({ filename: 'half' });
    async function* content(): AsyncGenerator<Uint8Array> {
      yield noise(3_000_000);
      expect(await files()).toBe(0);
      yield noise(10);
    }
    await store.writeBlob({ owner, name: 'half', content: content() });
    expect(await files()).toBe(1);
  });

  it('keeps ids as ObjectIds and blobs as ids of files', async () => {
    const { store } = subject;
    const id = createId();
    const blob = await writeSmall(store, collection, id);
    await store.insert(collection, { id, part: { blob: blob.id } });
    const stored = await db.collection('optio_things').findOne({ _id: new ObjectId(id) });
    expect(stored).toEqual({ _id: new ObjectId(id), part: new ObjectId(blob.id), revision: 1 });
  });

  it('has the indexes of its collections and of GridFS', async () => {
    const names = async (name: string) => (await db.collection(name).indexes()).map((index) => index.name);
    await openSnapshot({
      store: subject.store,
      cipher: noCipher,
      agent: 'opencode',
      taskId: 't',
      processId: 'p',
      sessionId: 's',
    }).discard();
    const draft = openSnapshot({
      store: subject.store,
      cipher: noCipher,
      agent: 'opencode',
      taskId: 't',
      processId: 'p',
      sessionId: 's',
    });
    await draft.write('workdir', stream('w'));
    await draft.write('session', stream('s'));
    await draft.commit({ endState: 'done' });
    expect(await names('optio_opencode_session_snapshots')).toContain('by_processId_capturedAt_desc');
    expect(await names('fs.files')).toContain('filename_1_uploadDate_1');
    expect(await names('fs.chunks')).toContain('files_id_1_n_1');
  });

  it('has the prefix of its store', async () => {
    const store = createMongoStore(db, { prefix: 'acme' });
    await store.insert(collection, { id: 'a', is: 'acme' });
    expect(await db.collection('acme_things').countDocuments()).toBe(1);
    expect(await subject.store.get(collection, 'a')).toBeUndefined();
    expect(() => createMongoStore(db, { prefix: 'a.b' })).toThrow(TypeError);
  });
});

describe('what a MongoDB store reads', () => {
  const collection = { name: 'others' };

  it('is at revision 0 when it knows none, and can be changed from there', async () => {
    const { store } = subject;
    const _id = new ObjectId();
    await db.collection('optio_others').insertOne({ _id, label: 'old' });
    const document = await store.get(collection, _id.toHexString());
    expect(document).toEqual({ id: _id.toHexString(), revision: 0, label: 'old' });
    if (document === undefined) return;
    await store.replace(collection, { ...document, label: 'new' });
    await expect(store.replace(collection, document)).rejects.toMatchObject({ code: 'REVISION_CONFLICT' });
    await expect(store.remove(collection, document.id, { revision: 0 })).rejects.toMatchObject({
      code: 'REVISION_CONFLICT',
    });
    expect(await store.remove(collection, document.id)).toBe(true);
  });

  it('may not hold a type that no document of ours has', async () => {
    const _id = new ObjectId();
    await db.collection('optio_others').insertOne({ _id, inner: { counter: Long.MAX_VALUE } });
    const reading = subject.store.get(collection, _id.toHexString());
    await expect(reading).rejects.toMatchObject({ code: 'DOCUMENT_UNREADABLE' });
    await expect(subject.store.get(collection, _id.toHexString())).rejects.toThrow(/inner: counter.*Long/);
  });

  it('does not depend on what the connection prefers', async () => {
    if (uri === undefined) return;
    const options = { promoteValues: false, promoteBuffers: false, readPreference: 'secondary' } as const;
    await using client = await MongoClient.connect(uri, { ...options, ignoreUndefined: true });
    const store = createMongoStore(client.db(databaseName));
    const id = createId();
    await store.insert(collection, { id, size: 7, bytes: new Uint8Array([1]) });
    expect(await store.get(collection, id)).toEqual({ id, revision: 1, size: 7, bytes: new Uint8Array([1]) });
  });

  it('refuses a store of a newer version', async () => {
    const store = createMongoStore(db, { prefix: 'newer' });
    await db.collection<{ _id: string }>('newer_blob_intents').insertOne({ _id: 'format', version: 2 } as never);
    await expect(store.get(collection, 'a')).rejects.toMatchObject({ code: 'STORE_TOO_NEW' });
    await expect(store.insert(collection, { id: 'a' })).rejects.toMatchObject({ code: 'STORE_TOO_NEW' });
    await expect(store.sweep()).rejects.toMatchObject({ code: 'STORE_TOO_NEW' });
  });

  it('notices a file whose chunks were lost or changed', async () => {
    const { store } = subject;
    const id = createId();
    const blob = await store.writeBlob({
      owner: { collection, id },
      name: 'x',
      content: stream(noise(600_000)),
    });
    const files_id = new ObjectId(blob.id);
    const chunks = db.collection('fs.chunks');
    const second = await chunks.findOneAndDelete({ files_id, n: 1 });
    await expect(readAll(store.readBlob(blob.id))).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
    await chunks.insertOne({ files_id, n: 1, data: Buffer.alloc(second?.['data'].length()) });
    await expect(readAll(store.readBlob(blob.id))).rejects.toThrow(/SHA-256/);
  });

  it('says what failed when the server is away, without its address', async () => {
    await using client = new MongoClient('mongodb://user:hunter2@127.0.0.1:1/', { serverSelectionTimeoutMS: 50 });
    const store = createMongoStore(client.db('away'));
    await expect(store.get(collection, 'a')).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await expect(store.get(collection, 'a')).rejects.not.toThrow(/hunter2/);
  });
});

describe('seeds of the original', () => {
  const manifest = { collection: { name: 'opencode_seeds' }, version: 1, include: ['auth.json'], agent: 'opencode' };
  const shift = (by: number) => (bytes: Uint8Array) => bytes.map((byte) => byte + by);
  const hooks = bytesCipher({ encrypt: shift(1), decrypt: shift(-1) });

  /** As the original does it: the driver's own GridFS, a document without anything of ours. */
  async function original(content: Uint8Array): Promise<string> {
    const metadata = { processId: 'cd'.repeat(12), prefix: 'optio', name: 'seed' };
    const upload = new GridFSBucket(db).openUploadStream('seed', { metadata });
    upload.end(content);
    await once(upload, 'finish');
    const document = { createdAt: new Date(), blobId: upload.id, manifestVersion: 1 };
    return (await db.collection('optio_opencode_seeds').insertOne(document)).insertedId.toHexString();
  }

  async function archive(): Promise<Buffer> {
    const { pack } = await import('tar-stream');
    const { gzipSync } = await import('node:zlib');
    const tar = pack();
    tar.entry({ name: 'auth.json', mode: 0o600 }, '{"key":1}');
    tar.finalize();
    return gzipSync(await readAll(tar as never));
  }

  it('are listed, opened with hooks or as they are, and purged', async () => {
    const { store } = subject;
    const plain = await original(await archive());
    const sealed = await original(shift(1)(await archive()));
    const ids = (await listSeeds({ store, manifest })).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([plain, sealed]));
    expect(await verifySeed({ store, manifest, cipher: noCipher, seedId: plain })).toMatchObject({ isSound: true });
    expect(await verifySeed({ store, manifest, cipher: hooks, seedId: sealed })).toMatchObject({
      isSound: true,
      members: ['auth.json'],
    });
    const { error } = await verifySeed({ store, manifest, cipher: noCipher, seedId: sealed });
    expect(error).toMatchObject({ code: 'DECRYPT_FAILED' });
    const blob = (await db.collection('optio_opencode_seeds').findOne({ _id: new ObjectId(plain) }))?.['blobId'];
    await purgeSeed({ store, manifest, seedId: plain });
    expect(await db.collection('fs.files').countDocuments({ _id: blob })).toBe(0);
    expect(await db.collection('fs.chunks').countDocuments({ files_id: blob })).toBe(0);
  });

  it('are purged also when their content is gone', async () => {
    const { store } = subject;
    const seedId = await original(await archive());
    const blob = (await db.collection('optio_opencode_seeds').findOne({ _id: new ObjectId(seedId) }))?.['blobId'];
    await new GridFSBucket(db).delete(blob);
    const { error } = await verifySeed({ store, manifest, cipher: noCipher, seedId });
    expect(error).toMatchObject({ code: 'BLOB_NOT_FOUND' });
    await purgeSeed({ store, manifest, seedId });
    expect(await getSeed({ store, manifest, seedId })).toBeUndefined();
  });

  it('have the fields that seeds written here have too', async () => {
    const { store } = subject;
    const seed = await storeSeed({ store, manifest, cipher: noCipher, archive: stream(await archive()) });
    const document = await db.collection('optio_opencode_seeds').findOne({ _id: new ObjectId(seed.id) });
    expect(document).toMatchObject({ createdAt: expect.any(Date), blobId: expect.any(ObjectId), manifestVersion: 1 });
    const file = await db.collection('fs.files').findOne({ _id: document?.['blobId'] });
    expect(file).toMatchObject({
      filename: 'seed',
      metadata: { processId: expect.stringMatching(/^[0-9a-f]{24}$/), prefix: 'optio', name: 'seed' },
    });
  });
});

describe('snapshots in MongoDB', () => {
  it('are found by the original: its fields, and the newest by date', async () => {
    const { store } = subject;
    const draft = openSnapshot({
      store,
      cipher: noCipher,
      agent: 'opencode',
      taskId: 'task-1',
      sessionId: 'ses_1',
      processId: 'ab'.repeat(12),
    });
    await draft.write('session', stream('{}'));
    await draft.write('workdir', stream('tar'));
    const { snapshot } = await draft.commit({ endState: 'cancelled' });
    const found = await db
      .collection('optio_opencode_session_snapshots')
      .findOne({ processId: 'task-1' }, { sort: { capturedAt: -1 } });
    expect(found).toMatchObject({
      _id: new ObjectId(snapshot.id),
      endState: 'cancelled',
      sessionId: 'ses_1',
      sessionBlobId: new ObjectId(snapshot.session.id),
      workdirBlobId: new ObjectId(snapshot.workdir.id),
      deliverablesEmitted: [],
    });
    expect(await loadLatestSnapshot(store, 'opencode', 'task-1')).toEqual(snapshot);
  });
});
