import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { pack as packTar } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ageCipher } from './age-cipher.ts';
import type { Cipher } from './cipher.ts';
import { createMemoryStore } from './memory-store.ts';
import { readSeedFiles } from './read-seed-files.ts';
import { exportSeed, importSeed, readSeedFile, writeSeedFile } from './seed-file.ts';
import { listSeeds, storeSeed, verifySeed } from './seed-store.ts';
import type { Seed, SeedManifest } from './seed.ts';
import type { Store } from './store.ts';
import { readAll, stream } from './testing/contract-case.ts';

const file = '.local/share/opencode/auth.json';
const manifest: SeedManifest = {
  collection: { name: 'opencode_seeds' },
  version: 1,
  include: [file],
  agent: 'opencode',
};

let directory: string;
let path: string;
let here: Store;
let there: Store;
let mine: Cipher;
let theirs: Cipher;
let seed: Seed;

async function newCipher(): Promise<Cipher> {
  const identity = await generateX25519Identity();
  return ageCipher({ recipients: [await identityToRecipient(identity)], identities: [identity] });
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-seed-file-'));
  path = join(directory, 'work.seed');
  [here, there] = [createMemoryStore(), createMemoryStore()];
  [mine, theirs] = [await newCipher(), await newCipher()];
  const pack = packTar();
  pack.entry({ name: file }, '{"lab":{"key":"s3cret"}}');
  pack.finalize();
  seed = await storeSeed({
    store: here,
    cipher: mine,
    manifest,
    archive: (pack as unknown as Readable).pipe(createGzip()),
    label: 'work',
    model: 'lab/m',
    agentVersion: '1.18.33',
    isExclusive: true,
    expiresAt: new Date(Date.now() + 60_000),
  });
});
afterEach(() => rm(directory, { recursive: true }));

const take = (more: Partial<Parameters<typeof importSeed>[0]> = {}) =>
  importSeed({ store: there, cipher: theirs, manifest, file: readSeedFile(path), ...more });

async function nothingStays(): Promise<void> {
  expect(await listSeeds({ store: there, manifest })).toEqual([]);
  expect(await there.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
}

describe('a seed file', () => {
  it('brings a seed from one store into another, with all that is said of it', async () => {
    await writeSeedFile(path, exportSeed({ store: here, manifest, seedId: seed.id }));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['work.seed']);
    expect(await readFile(path, 'latin1')).not.toContain('s3cret');
    const taken = await take({ from: mine });
    const { id: _id, sizeBytes: _size, sha256: _sha256, sealedFor: _sealedFor, ...said } = seed;
    expect(taken).toMatchObject(said);
    expect(taken.id).not.toBe(seed.id);
    const { files } = await readSeedFiles({ store: there, cipher: theirs, manifest, seedId: taken.id, files: [file] });
    expect(Buffer.from(files[file] ?? []).toString()).toBe('{"lab":{"key":"s3cret"}}');
  });

  it('is sealed for somebody else on request', async () => {
    const reseal = { from: mine, to: ageCipher({ recipients: theirs.recipients ?? [], identities: [] }) };
    await writeSeedFile(path, exportSeed({ store: here, manifest, seedId: seed.id, reseal }));
    await expect(take({ from: mine })).rejects.toMatchObject({ code: 'DECRYPT_FAILED' });
    await nothingStays();
    const taken = await take({ label: 'from a colleague' });
    expect(taken.label).toBe('from a colleague');
    expect(await verifySeed({ store: there, cipher: theirs, manifest, seedId: taken.id })).toMatchObject({
      isSound: true,
    });
  });

  it('takes over no file that is there, unless it is told to', async () => {
    const content = () => exportSeed({ store: here, manifest, seedId: seed.id });
    await writeSeedFile(path, content());
    const before = await readFile(path);
    await expect(writeSeedFile(path, stream('other'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(path)).toEqual(before);
    await writeSeedFile(path, content(), { overwrite: true });
    await expect(
      writeSeedFile(path, exportSeed({ store: here, manifest, seedId: 'none' }), { overwrite: true }),
    ).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
    expect(await readdir(directory)).toEqual(['work.seed']);
    expect((await take({ from: mine })).label).toBe('work');
  });

  it('is refused wherever a bit of it is changed, and wherever it is cut', async () => {
    const whole = await readAll(exportSeed({ store: here, manifest, seedId: seed.id }));
    const codes = new Set<unknown>();
    const refused = async (bytes: Uint8Array): Promise<void> => {
      const error: unknown = await take({ from: mine, file: stream(bytes) }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      codes.add((error as { readonly code?: unknown }).code);
    };
    for (let position = 0; position < whole.length; position += 1) {
      const changed = Buffer.from(whole);
      changed[position] = (changed[position] ?? 0) ^ (1 << (position % 8));
      await refused(changed);
    }
    for (let length = 0; length < whole.length; length += 7) await refused(whole.subarray(0, length));
    await refused(Buffer.concat([whole, Buffer.from('x')]));
    await nothingStays();
    expect(codes).toContain('SEED_FILE_CORRUPT');
    for (const code of codes) {
      const known = ['SEED_FILE_CORRUPT', 'SEED_VERSION_UNKNOWN', 'SEED_MALFORMED', 'DECRYPT_FAILED'];
      expect(known).toContain(code);
    }
  });

  it('is read in whatever pieces it comes', async () => {
    const whole = await readAll(exportSeed({ store: here, manifest, seedId: seed.id }));
    for (const size of [1, 7, 33, 64, whole.length]) {
      const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
        whole.subarray(index * size, (index + 1) * size),
      );
      await expect(take({ from: mine, file: stream(...pieces) })).resolves.toMatchObject({ label: 'work' });
    }
  });

  it('is closed when it is refused before all of it was read', async () => {
    const bytes = await readAll(exportSeed({ store: here, manifest, seedId: seed.id }));
    const closed: string[] = [];
    async function* watched(name: string, start: Uint8Array): AsyncGenerator<Uint8Array> {
      try {
        yield start;
        yield new Uint8Array(100);
      } finally {
        closed.push(name);
      }
    }
    const refuse = (name: string, start: Uint8Array, more: object = {}) =>
      expect(take({ from: mine, file: watched(name, start), ...more })).rejects.toThrow();
    await refuse('no head', Buffer.from('optio seed file 1\n{none}\n'));
    await refuse('agent', bytes, { manifest: { ...manifest, agent: 'other' } });
    await refuse('cipher', bytes, { from: { ...mine, name: 'other' } });
    await refuse('content', bytes);
    expect(closed).toEqual(['no head', 'agent', 'cipher', 'content']);
  });

  it('is refused when it is of another agent, of a version to come, or a transform throws', async () => {
    const export_ = () => exportSeed({ store: here, manifest, seedId: seed.id });
    const other = { ...manifest, agent: 'other' };
    await expect(take({ from: mine, file: export_(), manifest: other })).rejects.toThrow(/is of "opencode", and other/);
    const next = (await readAll(export_())).toString('latin1').replace('seed file 1', 'seed file 2');
    await expect(take({ from: mine, file: stream(Buffer.from(next, 'latin1')) })).rejects.toMatchObject({
      code: 'SEED_VERSION_UNKNOWN',
    });
    const failure = new Error('not this one');
    const transform = { files: [file], apply: () => Promise.reject(failure) };
    await expect(take({ from: mine, file: export_(), transform })).rejects.toBe(failure);
    await expect(take({ file: stream('hello') })).rejects.toMatchObject({ code: 'SEED_FILE_CORRUPT' });
    await nothingStays();
  });
});
