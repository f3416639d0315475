import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { createLocalHost, type Host } from '@optio-ts/host-core';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { ageCipher } from './age-cipher.ts';
import { noCipher, type Cipher } from './cipher.ts';
import { isBlobRef, type StoredDocument } from './document.ts';
import { DecryptError, SeedEngineError } from './errors.ts';
import { createId } from './id.ts';
import { createMemoryStore } from './memory-store.ts';
import type { SeedContents, SeedFiles } from './seed-edit.ts';
import { captureSeed, plantSeed } from './seed-host.ts';
import { getSeed, listSeeds, purgeSeed, storeSeed, verifySeed } from './seed-store.ts';
import type { SeedManifest } from './seed.ts';
import type { Store } from './store.ts';
import { readAll, stream } from './testing/contract-case.ts';

const manifest: SeedManifest = {
  collection: { name: 'opencode_seeds' },
  version: 1,
  include: ['.local/share/opencode/auth.json', '.config/opencode/opencode.json', '.config/opencode/plugins'],
  agent: 'opencode',
};

let host: Host;
let directory: string;
let home: string;
let store: Store;
let cipher: Cipher;

beforeAll(() => {
  host = createLocalHost();
});
afterAll(() => host[Symbol.asyncDispose]());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-seeds-'));
  home = join(directory, 'home');
  store = createMemoryStore();
  const identity = await generateX25519Identity();
  cipher = ageCipher({ recipients: [await identityToRecipient(identity)], identities: [identity] });
});
afterEach(() => rm(directory, { recursive: true }));

async function put(path: string, content: string, mode = 0o600): Promise<void> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  await chmod(file, mode);
}

async function fillHome(): Promise<void> {
  await put('.local/share/opencode/auth.json', '{"lab":{"key":"s3cret"}}');
  await put('.local/share/opencode/storage/message.json', 'transcript');
  await put('.config/opencode/opencode.json', '{"model":"lab/m1"}', 0o644);
  await put('.config/opencode/plugins/hook.sh', '#!/bin/sh\n', 0o755);
  await symlink('hook.sh', join(home, '.config/opencode/plugins/link'));
}

function blobOf(document: StoredDocument | undefined): string {
  const reference = document?.['blobId'];
  return isBlobRef(reference) ? reference.blob : '';
}

const capture = (more: object = {}) => captureSeed({ store, cipher, host, home, manifest, ...more });
const plant = (seedId: string, into: string, more: object = {}) =>
  plantSeed({ store, cipher, host, home: into, manifest, seedId, ...more });

describe('captureSeed and plantSeed', () => {
  it('bring a login from one home into another, and no transcript', async () => {
    await fillHome();
    const seed = await capture({ label: 'lab', model: 'lab/m1', agentVersion: '1.18.33' });
    expect(seed).toMatchObject({ label: 'lab', model: 'lab/m1', agentVersion: '1.18.33', cipher: 'age' });
    const next = join(directory, 'next');
    const report = await plant(seed.id, next);
    expect(report.planted.toSorted()).toEqual([
      '.config/opencode/opencode.json',
      '.config/opencode/plugins/hook.sh',
      '.config/opencode/plugins/link',
      '.local/share/opencode/auth.json',
    ]);
    expect(report.skipped).toEqual([]);
    expect(await readFile(join(next, '.local/share/opencode/auth.json'), 'utf8')).toContain('s3cret');
    expect(await readdir(join(next, '.local/share/opencode'))).toEqual(['auth.json']);
    expect(await readlink(join(next, '.config/opencode/plugins/link'))).toBe('hook.sh');
    const mode = async (path: string) => ((await stat(join(next, path))).mode & 0o777).toString(8);
    expect(await mode('.config/opencode/opencode.json')).toBe('600');
    expect(await mode('.config/opencode/plugins/hook.sh')).toBe('700');
    expect(await mode('.config/opencode/plugins')).toBe('700');
    expect(await mode('.')).toBe('700');
  });

  it('leave what else is in a home, and replace what is in the seed', async () => {
    await fillHome();
    const seed = await capture();
    await put('.local/share/opencode/auth.json', 'old');
    await plant(seed.id, home);
    expect(await readFile(join(home, '.local/share/opencode/auth.json'), 'utf8')).toContain('s3cret');
    expect(await readFile(join(home, '.local/share/opencode/storage/message.json'), 'utf8')).toBe('transcript');
  });

  it('refuse a home with nothing of an agent in it, unless something is made of that', async () => {
    await put('.bashrc', 'of nobody');
    await mkdir(join(home, '.config/opencode'), { recursive: true });
    const named = '.local/share/opencode/auth.json nor .config/opencode/opencode.json';
    await expect(capture()).rejects.toMatchObject({ code: 'SEED_EMPTY', message: expect.stringContaining(named) });
    expect(await listSeeds({ store, manifest })).toEqual([]);
    const files = ['.config/opencode/opencode.json'];
    const seed = await capture({ transform: { files, apply: () => ({ [files[0] ?? '']: Buffer.from('{}') }) } });
    expect(await plant(seed.id, join(directory, 'next'))).toMatchObject({ planted: files });
  });

  it('never write through a link that is in the home', async () => {
    await fillHome();
    const seed = await capture();
    const outside = join(directory, 'outside');
    await mkdir(outside);
    const next = join(directory, 'next');
    await mkdir(join(next, '.local'), { recursive: true });
    await symlink(outside, join(next, '.local/share'));
    await plant(seed.id, next).catch((error: unknown) => {
      expect(error).toMatchObject({ code: expect.any(String) });
    });
    expect(await readdir(outside)).toEqual([]);
  });

  it('keep nothing readable in the store', async () => {
    await fillHome();
    const seed = await capture();
    const document = await store.get(manifest.collection, seed.id);
    const sealed = await readAll(store.readBlob(blobOf(document)));
    expect(String(sealed.subarray(0, 21))).toBe('age-encryption.org/v1');
    expect(seed.sizeBytes).toBe(sealed.length);
  });

  it('keep nothing at all of a capture that fails', async () => {
    await fillHome();
    await expect(capture({ maxBytes: 10 })).rejects.toMatchObject({
      code: 'SEED_TOO_LARGE',
      message: expect.stringContaining('the largest files are .local/share/opencode/auth.json (24 bytes)'),
    });
    // However many files there are: only the names of a few come over.
    const terse: Host = { ...host, run: (command, options) => host.run(command, { ...options, maxOutputBytes: 1000 }) };
    for (let n = 0; n < 60; n += 1) await put(`.config/opencode/plugins/${n}`, 'x');
    await expect(capture({ maxBytes: 10, host: terse })).rejects.toMatchObject({ code: 'SEED_TOO_LARGE' });
    await expect(captureSeed({ store, cipher, host, home: join(directory, 'none'), manifest })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(capture({ abortSignal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await listSeeds({ store, manifest })).toEqual([]);
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });

  it('refuse a seed that another key sealed, and leave the home as it was', async () => {
    await fillHome();
    const seed = await capture();
    const identity = await generateX25519Identity();
    const other = ageCipher({ recipients: [await identityToRecipient(identity)], identities: [identity] });
    const next = join(directory, 'next');
    await expect(plant(seed.id, next, { cipher: other })).rejects.toSatisfy((error) => DecryptError.is(error));
    await expect(plant(seed.id, next, { cipher: noCipher })).rejects.toSatisfy((error) => DecryptError.is(error));
    const left = await readdir(next).catch(() => []);
    expect(left).toEqual([]);
  });

  it('refuse seeds that are not there, or of a version to come', async () => {
    for (const id of [createId(), 'nonsense', '']) {
      await expect(plant(id, home)).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
    }
    await fillHome();
    const seed = await captureSeed({ store, cipher, host, home, manifest: { ...manifest, version: 2 } });
    await expect(plant(seed.id, home)).rejects.toMatchObject({ code: 'SEED_VERSION_UNKNOWN' });
  });

  it('plant files changed by a transform, which nobody sees before', async () => {
    await fillHome();
    const seed = await capture();
    const next = join(directory, 'next');
    const [auth, config] = ['.local/share/opencode/auth.json', '.config/opencode/opencode.json'];
    const seen: string[] = [];
    const report = await plant(seed.id, next, {
      transform: {
        files: [auth, config, '.config/opencode/plugins/new.js'],
        apply: (files: SeedFiles, { members, digests }: SeedContents) => {
          seen.push(...members, String(digests.get(String(auth))?.length));
          return {
            [String(config)]: Buffer.from(String(Buffer.from(files[String(config)] ?? [])).replace('m1', 'm2')),
            '.config/opencode/plugins/new.js': Buffer.from('export {}'),
          };
        },
      },
    });
    expect(seen).toEqual([...report.planted, '64']);
    expect(await readFile(join(next, String(config)), 'utf8')).toBe('{"model":"lab/m2"}');
    expect(await readFile(join(next, String(auth)), 'utf8')).toContain('s3cret');
    expect((await stat(join(next, '.config/opencode/plugins/new.js'))).mode & 0o777).toBe(0o600);
  });

  it('leave a home as it was when a transform throws, or changes what is not its own', async () => {
    await fillHome();
    const seed = await capture();
    const next = join(directory, 'next');
    const files = ['.local/share/opencode/auth.json'];
    const failure = new Error('not this one');
    const refusing = {
      files,
      apply: () => {
        throw failure;
      },
    };
    await expect(plant(seed.id, next, { transform: refusing })).rejects.toBe(failure);
    const greedy = { files, apply: () => ({ '.bashrc': Buffer.from('rm') }) };
    await expect(plant(seed.id, next, { transform: greedy })).rejects.toThrow(/cannot change \.bashrc/);
    const foreign = { files: ['.bashrc'], apply: () => ({}) };
    await expect(plant(seed.id, next, { transform: foreign })).rejects.toBeInstanceOf(TypeError);
    expect(await readdir(next).catch(() => [])).toEqual([]);
  });

  it('plant only what the manifest includes', async () => {
    await fillHome();
    const wide = { ...manifest, include: ['.local', '.config'] };
    const seed = await captureSeed({ store, cipher, host, home, manifest: wide });
    const next = join(directory, 'next');
    const report = await plant(seed.id, next);
    expect(report.skipped).toEqual(['.local/share/opencode/storage/message.json']);
    expect(await readdir(join(next, '.local/share/opencode'))).toEqual(['auth.json']);
  });
});

describe('listSeeds, getSeed, purgeSeed, verifySeed', () => {
  it('list the newest first, with all that is known', async () => {
    await fillHome();
    const first = await capture({ label: 'first' });
    const second = await capture({ label: 'second' });
    expect(await listSeeds({ store, manifest })).toEqual([second, first]);
    expect(await getSeed({ store, manifest, seedId: first.id })).toEqual(first);
  });

  it('know nothing of ids that are none', async () => {
    for (const seedId of [createId(), 'nonsense', '']) {
      expect(await getSeed({ store, manifest, seedId })).toBeUndefined();
      await expect(purgeSeed({ store, manifest, seedId })).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
      await expect(verifySeed({ store, cipher, manifest, seedId })).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
    }
  });

  it('remove a seed with its content', async () => {
    await fillHome();
    const { id } = await capture();
    const document = await store.get(manifest.collection, id);
    await purgeSeed({ store, manifest, seedId: id });
    expect(await listSeeds({ store, manifest })).toEqual([]);
    expect(await store.statBlob(blobOf(document))).toBeUndefined();
  });

  it('list a broken document with its problem, and go on', async () => {
    await fillHome();
    const sound = await capture();
    await store.insert(manifest.collection, { id: 'broken', createdAt: 'yesterday', manifestVersion: 1 });
    const seeds = await listSeeds({ store, manifest });
    expect(seeds.map(({ id, problem }) => [id, problem === undefined])).toEqual(
      expect.arrayContaining([
        [sound.id, true],
        ['broken', false],
      ]),
    );
    const { isSound, error } = await verifySeed({ store, cipher, manifest, seedId: 'broken' });
    expect({ isSound, code: SeedEngineError.is(error) && error.code }).toEqual({
      isSound: false,
      code: 'SEED_MALFORMED',
    });
  });

  it('verify what is sound, and say what is not', async () => {
    await fillHome();
    const { id } = await capture();
    expect(await verifySeed({ store, cipher, manifest, seedId: id })).toMatchObject({
      isSound: true,
      sizeBytes: 52,
      skipped: [],
    });
    const torn = await storeSeed({ store, cipher, manifest, archive: stream(Buffer.from([0x1f, 0x8b, 8, 0])) });
    expect(await verifySeed({ store, cipher, manifest, seedId: torn.id })).toMatchObject({ isSound: false });
  });
});
