import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import { bytesCipher, noCipher, openKeyring } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CaptureOpencodeSeedOptions } from './capture.ts';
import { AUTH_FILE, CONFIG_FILE, opencodeManifest, PLUGINS_DIRECTORY } from './manifest.ts';
import { opencodeSeeds } from './opencode-seeds.ts';
import type { OpencodeSeeds } from './opencode-seeds.ts';

const opencodeVersion = '1.18.33';
const auth = { openai: { type: 'api', key: 's3cret' } };

const stores: Readonly<Record<string, (directory: string) => Store>> = {
  memory: () => createMemoryStore(),
  sqlite: (directory) => createSqliteStore(join(directory, 'store.db')),
};

for (const [name, createStore] of Object.entries(stores)) {
  describe(`opencodeSeeds on ${name}`, () => {
    const host = createLocalHost();
    let directory: string;
    let store: Store;
    let seeds: OpencodeSeeds;
    let home: string;

    afterAll(async () => {
      await host[Symbol.asyncDispose]();
    });

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'optio-opencode-seeds-'));
      home = join(directory, 'home');
      store = createStore(directory);
      seeds = opencodeSeeds({ store, cipher: noCipher });
    });

    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    });

    const put = async (path: string, content: unknown): Promise<void> => {
      await mkdir(dirname(join(home, path)), { recursive: true });
      await writeFile(join(home, path), typeof content === 'string' ? content : JSON.stringify(content));
    };
    const capture = (options: Partial<CaptureOpencodeSeedOptions> = {}) =>
      seeds.capture({ host, home, opencodeVersion, ...options });
    const plantInto = async (seedId: string) => {
      const target = join(directory, `planted-${seedId}`);
      const report = await seeds.plant({ host, home: target, seedId });
      return { report, target, json: async (path: string) => JSON.parse(await readFile(join(target, path), 'utf8')) };
    };

    it('carries login and model to another home, and nothing else that the agent left', async () => {
      await put(AUTH_FILE, auth);
      await put(CONFIG_FILE, { model: 'openai/gpt-5', mcp: { evil: { type: 'local', command: ['sh'] } } });
      await put(`${PLUGINS_DIRECTORY}/evil.js`, 'export {}');
      await put('.local/share/opencode/storage/session.json', '{}');
      const seed = await capture({ label: 'work' });
      expect(seed).toMatchObject({
        model: 'openai/gpt-5',
        label: 'work',
        agent: 'opencode',
        agentVersion: opencodeVersion,
        manifestVersion: 1,
        activeContent: [],
      });
      const { json, report, target } = await plantInto(seed.id);
      expect(await json(AUTH_FILE)).toEqual(auth);
      expect(await json(CONFIG_FILE)).toEqual({ model: 'openai/gpt-5' });
      expect(report).toMatchObject({ model: 'openai/gpt-5', config: { model: 'openai/gpt-5' } });
      expect((await stat(join(target, AUTH_FILE))).mode & 0o777).toBe(0o600);
      const files = await readdir(target, { recursive: true, withFileTypes: true });
      expect(files.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)).toHaveLength(2);
      // The home that was captured is as it was.
      expect(JSON.parse(await readFile(join(home, CONFIG_FILE), 'utf8'))).toHaveProperty('mcp');
    });

    it('keeps the configuration that the home was given, over and over', async () => {
      const config = { provider: { local: { options: { baseURL: 'http://127.0.0.1:1/v1' } } } };
      await put(AUTH_FILE, auth);
      await put(CONFIG_FILE, { provider: { local: { options: { baseURL: 'http://evil/v1' } } } });
      const first = await capture({ config, model: 'local/small' });
      const planted = await plantInto(first.id);
      expect(planted.report.config).toEqual({ ...config, model: 'local/small' });
      const again = await seeds.capture({
        host,
        home: planted.target,
        opencodeVersion,
        ...(planted.report.config === undefined ? {} : { config: planted.report.config }),
      });
      expect((await plantInto(again.id)).report.config).toEqual({ ...config, model: 'local/small' });
    });

    it('keeps everything of the manifest on request, with the model written into the configuration', async () => {
      await put(AUTH_FILE, auth);
      await put(CONFIG_FILE, { theme: 'dark' });
      await put(`${PLUGINS_DIRECTORY}/deep/mine.js`, 'export {}');
      await put('.local/share/opencode/storage/session.json', '{}');
      const everything = { scope: 'everything', model: 'openai/gpt-5' } as const;
      await expect(capture(everything)).rejects.toMatchObject({
        code: 'ACTIVE_CONTENT',
        message: expect.stringContaining('.config/opencode/plugins/deep/mine.js'),
      });
      expect(await seeds.list()).toEqual([]);
      const seed = await capture({ ...everything, acceptCode: true });
      expect(seed.activeContent).toEqual(['.config/opencode/plugins/deep/mine.js: a plugin']);
      const { json, target } = await plantInto(seed.id);
      expect(await json(CONFIG_FILE)).toEqual({ theme: 'dark', model: 'openai/gpt-5' });
      expect(await readFile(join(target, PLUGINS_DIRECTORY, 'deep/mine.js'), 'utf8')).toBe('export {}');
      await expect(stat(join(target, '.local/share/opencode/storage'))).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('refuses a home that is not fit to be kept, and stores nothing', async () => {
      await expect(capture()).rejects.toMatchObject({ code: 'LOGIN_MISSING' });
      await put(AUTH_FILE, '{"openai":');
      await expect(capture()).rejects.toMatchObject({ code: 'LOGIN_MISSING' });
      await put(AUTH_FILE, auth);
      await expect(capture()).rejects.toMatchObject({ code: 'MODEL_MISSING' });
      await expect(capture({ opencodeVersion: '2.0.0', model: 'a/b' })).rejects.toMatchObject({
        code: 'VERSION_UNSUPPORTED',
      });
      expect(await seeds.list()).toEqual([]);
    });

    it('does not follow an agent’s link out of the home', async () => {
      const secret = join(directory, 'secret.json');
      await writeFile(secret, JSON.stringify({ other: { type: 'api', key: 'of somebody else' } }));
      await mkdir(dirname(join(home, AUTH_FILE)), { recursive: true });
      await symlink(secret, join(home, AUTH_FILE));
      await expect(capture({ model: 'a/b' })).rejects.toMatchObject({ code: 'SEED_MALFORMED' });

      // The same with a directory on the way, and with the home itself.
      await rm(home, { recursive: true });
      const elsewhere = join(directory, 'elsewhere');
      home = elsewhere;
      await put(AUTH_FILE, auth);
      home = join(directory, 'home');
      await mkdir(home);
      await symlink(join(elsewhere, '.local'), join(home, '.local'));
      await expect(capture({ model: 'a/b' })).rejects.toMatchObject({ code: 'ARCHIVE_FAILED' });
      await rm(home, { recursive: true });
      await symlink(elsewhere, home);
      await expect(capture({ model: 'a/b', beneath: directory })).rejects.toMatchObject({ code: 'PATH_REFUSED' });
      expect(await seeds.list()).toEqual([]);
    });

    it('keeps code that was in the seed before, and no other', async () => {
      await put(AUTH_FILE, auth);
      await put(`${PLUGINS_DIRECTORY}/mine.js`, 'export {}');
      const everything = { scope: 'everything', model: 'openai/gpt-5' } as const;
      const first = await capture({ ...everything, acceptCode: true });
      const again = await capture({ ...everything, startedFrom: first.id });
      expect(again.activeContent).toEqual(['.config/opencode/plugins/mine.js: a plugin']);
      expect(await seeds.verify(again.id)).toMatchObject({
        isSound: true,
        activeContent: again.activeContent,
        logins: [{ provider: 'openai', type: 'api' }],
      });
      await put(`${PLUGINS_DIRECTORY}/mine.js`, 'export { evil } from "elsewhere"');
      await expect(capture({ ...everything, startedFrom: first.id })).rejects.toMatchObject({ code: 'ACTIVE_CONTENT' });
      // Of a seed that is gone nobody knows what was in it.
      await expect(capture({ ...everything, startedFrom: 'f'.repeat(24) })).rejects.toMatchObject({
        code: 'ACTIVE_CONTENT',
      });
      expect(await seeds.list()).toHaveLength(2);
    });

    it('names the largest files of a home that is too large', async () => {
      await put(AUTH_FILE, auth);
      await put(`${PLUGINS_DIRECTORY}/large.js`, '/'.repeat(70_000));
      const large = { scope: 'everything', model: 'openai/gpt-5', maxBytes: 60_000 } as const;
      await expect(capture(large)).rejects.toMatchObject({
        code: 'SEED_TOO_LARGE',
        message: expect.stringContaining('.config/opencode/plugins/large.js (68.4 KiB)'),
      });
    });

    it('labels seeds, and lets them expire', async () => {
      await put(AUTH_FILE, auth);
      const { id } = await capture({ model: 'a/b', expiresAt: new Date(Date.now() - 1000) });
      await seeds.update(id, { label: 'old' });
      expect(await seeds.list()).toMatchObject([{ id, label: 'old', isExpired: true, isExclusive: false }]);
      await expect(plantInto(id)).rejects.toMatchObject({ code: 'SEED_EXPIRED' });
      await expect(stat(join(directory, 'other'))).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await seeds.purgeExpired()).toEqual([id]);
      expect(await seeds.list()).toEqual([]);
    });

    it('seals everything anew when the keys change', async () => {
      await put(AUTH_FILE, auth);
      const { id } = await capture({ model: 'a/b' });
      const identityPath = join(directory, 'identity.txt');
      const { cipher } = await openKeyring({ store, identityPath });
      const turn = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 7);
      const hooks = bytesCipher({ name: 'xor', encrypt: turn, decrypt: turn });
      const { id: sealed } = await opencodeSeeds({ store, cipher: hooks }).capture({
        host,
        home,
        opencodeVersion,
        model: 'a/b',
      });
      const keyed = opencodeSeeds({ store, cipher });
      // What was stored plain was so on purpose.
      expect(await keyed.rotate({ from: hooks })).toMatchObject({ resealed: 1, plain: 1, unreadable: [] });
      expect(await keyed.verify(sealed)).toMatchObject({ isSound: true, seed: { cipher: 'age' } });
      expect(await keyed.verify(id)).toMatchObject({ isSound: true, seed: { cipher: 'none' } });
    });

    it('goes into another store as a file, with code only when that is accepted', async () => {
      await put(AUTH_FILE, auth);
      await put(`${PLUGINS_DIRECTORY}/mine.js`, 'export {}');
      const plain = await capture({ model: 'a/b', label: 'work' });
      const full = await capture({ model: 'a/b', scope: 'everything', acceptCode: true });
      const other = createMemoryStore();
      const there = opencodeSeeds({ store: other, cipher: noCipher });
      expect(await there.importFile({ file: seeds.exportFile(plain.id) })).toMatchObject({
        label: 'work',
        model: 'a/b',
        agentVersion: opencodeVersion,
        activeContent: [],
      });
      const file = (): AsyncIterable<Uint8Array> => seeds.exportFile(full.id);
      await expect(there.importFile({ file: file() })).rejects.toMatchObject({ code: 'ACTIVE_CONTENT' });
      expect(await there.list()).toHaveLength(1);
      const taken = await there.importFile({ file: file(), acceptCode: true, label: 'theirs' });
      expect(taken).toMatchObject({ label: 'theirs', activeContent: ['.config/opencode/plugins/mine.js: a plugin'] });
      expect(await there.verify(taken.id)).toMatchObject({ isSound: true });
    });

    it('plants through a transform', async () => {
      await put(AUTH_FILE, auth);
      const { id } = await capture({ model: 'a/b' });
      const target = join(directory, 'other');
      const transform = {
        files: [CONFIG_FILE],
        apply: () => ({ [CONFIG_FILE]: Buffer.from('{"model":"c/d"}') }),
      };
      const report = await seeds.plant({ host, home: target, seedId: id, transform });
      expect(report).toMatchObject({ model: 'c/d', config: { model: 'c/d' }, isExclusive: false });
      expect(await readFile(join(target, CONFIG_FILE), 'utf8')).toBe('{"model":"c/d"}');
    });

    it('refuses to plant the seed of an opencode that it does not know', async () => {
      await put(AUTH_FILE, auth);
      const { id } = await capture({ model: 'a/b' });
      const document = await store.get(opencodeManifest.collection, id);
      if (document === undefined) throw new Error('the seed is gone');
      await store.replace(opencodeManifest.collection, { ...document, agentVersion: '2.0.0' });
      await expect(seeds.plant({ host, home: join(directory, 'other'), seedId: id })).rejects.toMatchObject({
        code: 'VERSION_UNSUPPORTED',
      });
      await expect(stat(join(directory, 'other'))).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('lists, gets, verifies and purges', async () => {
      await put(AUTH_FILE, auth);
      const seed = await capture({ model: 'a/b' });
      expect(await seeds.list()).toMatchObject([{ id: seed.id, model: 'a/b' }]);
      expect(await seeds.get(seed.id)).toMatchObject({ id: seed.id });
      expect(await seeds.get('f'.repeat(24))).toBeUndefined();
      expect(await seeds.verify(seed.id)).toMatchObject({ isSound: true, members: [AUTH_FILE, CONFIG_FILE] });
      await seeds.purge(seed.id);
      expect(await seeds.list()).toEqual([]);
      await expect(seeds.purge(seed.id)).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
      await expect(plantInto(seed.id)).rejects.toMatchObject({ code: 'SEED_NOT_FOUND' });
    });

    it('plants nothing with another key', async () => {
      const xor = (key: number) => {
        const turn = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ key);
        return opencodeSeeds({ store, cipher: bytesCipher({ name: 'xor', encrypt: turn, decrypt: turn }) });
      };
      await put(AUTH_FILE, auth);
      seeds = xor(7);
      const seed = await capture({ model: 'a/b' });
      expect((await plantInto(seed.id)).report.model).toBe('a/b');
      expect(await xor(8).verify(seed.id)).toMatchObject({ isSound: false });
      const target = join(directory, 'never');
      await expect(xor(8).plant({ host, home: target, seedId: seed.id })).rejects.toThrow();
      await expect(stat(join(target, AUTH_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });
}
