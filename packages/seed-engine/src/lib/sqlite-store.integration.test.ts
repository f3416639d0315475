import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createId } from './id.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { noise, readAll, stream, type StoreContractSubject, writeSmall } from './testing/contract-case.ts';
import { storeContract } from './testing/store-contract.ts';

describe('createSqliteStore', () => {
  let directory: string;
  let subject: StoreContractSubject;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-sqlite-'));
    const openStore = () => createSqliteStore(join(directory, 'store.db'));
    subject = { store: openStore(), other: openStore(), open: openStore };
  });
  afterAll(async () => {
    await subject.store[Symbol.asyncDispose]();
    await subject.other[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  for (const { name, run } of storeContract) it(name, () => run(subject));
});

describe('the file of a SQLite store', () => {
  const collection = { name: 'things' };
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-sqlite-'));
    path = join(directory, 'deep', 'er', 'store.db');
  });
  afterEach(() => rm(directory, { recursive: true }));

  const modes = async (folder: string) => {
    const names = (await readdir(folder)).toSorted();
    return Promise.all(names.map(async (name) => [name, ((await stat(join(folder, name))).mode & 0o777).toString(8)]));
  };

  it('is refused when something else has its name, instead of waiting for it', async () => {
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await using store = createSqliteStore(fifo);
    await expect(store.get(collection, 'a')).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('not a regular file'),
    });
  });

  it('is made when it is first used, for its owner alone, and is one file when closed', async () => {
    const before = process.umask(0);
    try {
      const store = createSqliteStore(path);
      await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
      await store.insert(collection, { id: 'a' });
      const folder = join(path, '..');
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
      expect(await modes(folder)).toEqual([
        ['store.db', '600'],
        ['store.db-shm', '600'],
        ['store.db-wal', '600'],
      ]);
      await store[Symbol.asyncDispose]();
      expect(await modes(folder)).toEqual([['store.db', '600']]);
    } finally {
      process.umask(before);
    }
  });

  it('holds what was written when it is opened again', async () => {
    const content = noise(1_200_000);
    let blob: string;
    {
      await using store = createSqliteStore(path);
      const owner = { collection, id: 'a' };
      blob = (await store.writeBlob({ owner, name: 'x', content: stream(content) })).id;
      await store.insert(collection, { id: 'a', part: { blob } });
    }
    await using again = createSqliteStore(path);
    expect((await readAll(again.readBlob(blob))).equals(content)).toBe(true);
  });

  it('is not written to when it is opened to be read', async () => {
    {
      await using store = createSqliteStore(path);
      await store.insert(collection, { id: 'a' });
    }
    const before = await readFile(path);
    {
      await using store = createSqliteStore(path);
      await store.get(collection, 'a');
    }
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  it('refuses a file of a newer version, and leaves it as it is', async () => {
    {
      await using store = createSqliteStore(path);
      await store.insert(collection, { id: 'a' });
    }
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 2; PRAGMA journal_mode = DELETE');
    database.close();
    await using store = createSqliteStore(path);
    await expect(store.get(collection, 'a')).rejects.toMatchObject({ code: 'STORE_TOO_NEW' });
    await expect(store.get(collection, 'a')).rejects.toThrow(/format 2, this one knows 1.*update/);
    expect(await readdir(join(path, '..'))).toEqual(['store.db']);
  });

  it('is not written to when it was removed or replaced while it was open: nobody would find that again', async () => {
    await using store = createSqliteStore(path);
    await store.insert(collection, { id: 'a' });
    await rm(path);
    const lost = { code: 'STORE_FAILED', message: expect.stringContaining('removed or replaced') };
    await expect(store.insert(collection, { id: 'b' })).rejects.toMatchObject(lost);
    await using fresh = createSqliteStore(path);
    await fresh.insert(collection, { id: 'c' });
    await expect(store.get(collection, 'a')).rejects.toMatchObject(lost);
    expect(await fresh.get(collection, 'c')).toBeDefined();
  });

  it('refuses what is no database', async () => {
    const file = join(directory, 'notes.txt');
    const notes = 'these are notes and no database at all, however long one reads them\n'.repeat(100);
    await writeFile(file, notes, { mode: 0o644 });
    await using store = createSqliteStore(file);
    await expect(store.get(collection, 'a')).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect([await readFile(file, 'utf8'), (await stat(file)).mode & 0o777]).toEqual([notes, 0o644]);
    await using nowhere = createSqliteStore(directory);
    await expect(nowhere.get(collection, 'a')).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('needs a path', () => {
    expect(() => createSqliteStore('')).toThrow(TypeError);
    expect(() => createSqliteStore(':memory:')).toThrow(TypeError);
  });

  it('notices a blob that was damaged on the disk', async () => {
    const content = Buffer.from('needle'.repeat(50_000));
    let blob: string;
    {
      await using store = createSqliteStore(path);
      blob = (await writeSmall(store, collection, 'a', content.toString())).id;
      await store.insert(collection, { id: 'a', part: { blob } });
    }
    const file = await open(path, 'r+');
    const { buffer } = await file.read(Buffer.alloc((await file.stat()).size), 0);
    await file.write(Buffer.from('NEEDLE'), 0, 6, buffer.indexOf('needleneedle'));
    await file.close();
    await using again = createSqliteStore(path);
    await expect(readAll(again.readBlob(blob))).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  });

  it('shows nothing of a blob that is half written', async () => {
    await using store = createSqliteStore(path);
    await using other = createSqliteStore(path);
    const seen: unknown[] = [];
    async function* content(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 4; index += 1) {
        yield noise(600_000, index);
        const database = new DatabaseSync(path, { readOnly: true });
        const blob = String(database.prepare('SELECT blob FROM intents').get()?.['blob']);
        database.close();
        seen.push(await other.statBlob(blob));
      }
    }
    await store.writeBlob({ owner: { collection, id: 'a' }, name: 'x', content: content() });
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('gives the space of removed blobs back', async () => {
    await using store = createSqliteStore(path);
    const owner = { collection, id: 'a' };
    const blob = await store.writeBlob({ owner, name: 'x', content: stream(noise(8_000_000)) });
    await store.insert(collection, { id: 'a', part: { blob: blob.id } });
    await store.remove(collection, 'a');
    await store.sweep();
    await store[Symbol.asyncDispose]();
    expect((await stat(path)).size).toBeLessThan(200_000);
  });

  it('gives space back in small steps: others come in between', async () => {
    await using store = createSqliteStore(path);
    const blob = await store.writeBlob({
      owner: { collection, id: 'a' },
      name: 'x',
      content: stream(noise(8_000_000)),
    });
    await store.insert(collection, { id: 'a', part: { blob: blob.id } });
    await store.remove(collection, 'a');
    const ended: string[] = [];
    const sweeping = store.sweep().then(() => ended.push('sweep'));
    await store.get(collection, 'a').then(() => ended.push('get'));
    await sweeping;
    expect(ended).toEqual(['get', 'sweep']);
  });

  it('can be closed while it gives space back', async () => {
    const store = createSqliteStore(path);
    const owner = { collection, id: 'a' };
    const blob = await store.writeBlob({ owner, name: 'x', content: stream(noise(8_000_000)) });
    await store.insert(collection, { id: 'a', part: { blob: blob.id } });
    await store.remove(collection, 'a');
    const sweeping = store.sweep();
    await store[Symbol.asyncDispose]();
    expect(await sweeping).toEqual({ removedBlobs: 0, keptBlobs: 0, youngIntents: 0 });
    expect(await readdir(join(directory, 'deep', 'er'))).toEqual(['store.db']);
  });

  it('uses the indexes of a collection', async () => {
    await using store = createSqliteStore(path);
    const indexes = [{ name: 'by_kind_at', fields: [['kind', 'asc'] as const, ['at', 'desc'] as const] }];
    await store.insert({ ...collection, indexes }, { id: 'a', kind: 'k', at: new Date() });
    const { selectIds } = await import('./sqlite-list.ts');
    const { text } = selectIds({ where: { kind: 'k' }, orderBy: [['at', 'desc']] });
    const database = new DatabaseSync(path, { readOnly: true });
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all('optio_things', 'k');
    database.close();
    expect(JSON.stringify(plan)).toContain('list_by_kind_at');
  });

  it('can be written by several processes at once', async () => {
    const writer = fileURLToPath(new URL('../../test/sqlite-writer.ts', import.meta.url));
    const writers = Array.from({ length: 3 }, (_, index) =>
      spawn(process.execPath, [writer, path, `writer${index}`, '25'], { stdio: ['ignore', 'inherit', 'inherit'] }),
    );
    const ends = await Promise.all(writers.map((child) => once(child, 'exit')));
    expect(ends).toEqual([
      [0, null],
      [0, null],
      [0, null],
    ]);
    await using store = createSqliteStore(path);
    const counter = await store.get(collection, 'counter');
    expect(counter?.['value']).toBe(75);
    expect(await store.sweep({ olderThanMs: 0 })).toEqual({ removedBlobs: 0, keptBlobs: 0, youngIntents: 0 });
  });

  it('does not keep the process alive when it is idle and nobody closes it', async () => {
    const script = `
      const { createSqliteStore } = await import(${JSON.stringify(new URL('sqlite-store.ts', import.meta.url).href)});
      await createSqliteStore(${JSON.stringify(path)}).get({ name: 'things' }, ${JSON.stringify(createId())});
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const stderr = readAll(child.stderr);
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(String(await stderr)).toBe('');
  });
});
