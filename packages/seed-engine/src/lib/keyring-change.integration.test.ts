import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { armor, Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  addRecipient,
  exportIdentity,
  exportRecipients,
  listKeys,
  removeRecipient,
  replaceIdentity,
} from './keyring-change.ts';
import { openKeyring } from './keyring.ts';
import { createMemoryStore } from './memory-store.ts';
import { rotateStore } from './rotate-store.ts';
import { sealSecret } from './session-store.ts';
import type { Store } from './store.ts';
import { readAll, stream } from './testing/contract-case.ts';

let directory: string;
let identityPath: string;
let store: Store;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-keys-'));
  identityPath = join(directory, 'identity.txt');
  store = createMemoryStore();
});
afterEach(() => rm(directory, { recursive: true }));

const rotate = async () => {
  const { cipher } = await openKeyring({ store, identityPath });
  return rotateStore({ store, cipher, manifests: [], agents: [] });
};

async function colleague(): Promise<{ readonly path: string; readonly recipient: string }> {
  const identity = await generateX25519Identity();
  const path = join(directory, 'colleague.txt');
  await writeFile(path, `${identity}\n`, { mode: 0o600 });
  return { path, recipient: await identityToRecipient(identity) };
}

describe('the keys of a store', () => {
  it('are added, for what a worker that runs already seals as well', async () => {
    const running = await openKeyring({ store, identityPath });
    const { path, recipient } = await colleague();
    await expect(openKeyring({ store, identityPath: path })).rejects.toMatchObject({ code: 'KEY_MISSING' });
    await addRecipient({ store, recipient });
    await addRecipient({ store, recipient });
    const [own] = running.recipients;
    expect(await listKeys({ store, identityPath })).toEqual([
      { recipient: own, isOwn: true, isRetiring: false },
      { recipient, isOwn: false, isRetiring: false },
    ]);
    expect(await exportRecipients(store)).toBe(`${own}\n${recipient}\n`);
    const sealed = await readAll(running.cipher.encrypt(stream('login')));
    const theirs = await openKeyring({ store, identityPath: path });
    expect(String(await readAll(theirs.cipher.decrypt(stream(sealed))))).toBe('login');
    // What says for whom it was sealed says so of the moment it was sealed.
    const secrets = [await sealSecret(running.cipher, 'a'), await sealSecret(theirs.cipher, 'b')];
    expect(secrets[0]?.sealedFor).toBe(secrets[1]?.sealedFor);
  });

  it('are removed, and retiring until all is sealed anew', async () => {
    await openKeyring({ store, identityPath });
    const { recipient } = await colleague();
    await addRecipient({ store, recipient });
    await removeRecipient({ store, identityPath, recipient });
    await removeRecipient({ store, identityPath, recipient });
    expect((await openKeyring({ store, identityPath })).retiring).toEqual([recipient]);
    expect((await listKeys({ store, identityPath })).at(-1)).toEqual({ recipient, isOwn: false, isRetiring: true });
    expect(await rotate()).toMatchObject({ retired: [recipient], retiring: [] });
    expect(await listKeys({ store, identityPath })).toHaveLength(1);
  });

  it('are not removed when they are the last, the own, or none', async () => {
    const { recipients } = await openKeyring({ store, identityPath });
    const [own = ''] = recipients;
    const { recipient } = await colleague();
    const remove = (which: string) => removeRecipient({ store, identityPath, recipient: which });
    await expect(remove(own)).rejects.toMatchObject({ code: 'KEY_REFUSED', message: expect.stringContaining('last') });
    await expect(remove(recipient)).rejects.toThrow(/none of its recipients/);
    await addRecipient({ store, recipient });
    await expect(remove(own)).rejects.toThrow(/could not open .*replaceIdentity/);
    expect(await listKeys({ store, identityPath })).toHaveLength(2);
    await expect(addRecipient({ store, recipient: 'age1nonsense' })).rejects.toBeInstanceOf(TypeError);
    await expect(addRecipient({ store: createMemoryStore(), recipient })).rejects.toMatchObject({
      code: 'KEY_MISSING',
    });
  });

  it('are replaced by a new one beside them, which a call that was interrupted does not make twice', async () => {
    const { recipients, cipher } = await openKeyring({ store, identityPath });
    const sealed = await readAll(cipher.encrypt(stream('login')));
    const other = await colleague();
    await addRecipient({ store, recipient: other.recipient });
    const failing: Store = { ...store, replace: () => Promise.reject(new Error('killed')) };
    await expect(replaceIdentity({ store: failing, identityPath })).rejects.toThrow('killed');
    const recipient = await replaceIdentity({ store, identityPath });
    expect((await stat(identityPath)).mode & 0o777).toBe(0o600);
    expect((await readFile(identityPath, 'utf8')).match(/^AGE-SECRET-KEY-/gm)).toHaveLength(2);
    const keyring = await openKeyring({ store, identityPath });
    expect(keyring).toMatchObject({ recipients: [other.recipient, recipient], retiring: recipients });
    expect(String(await readAll(keyring.cipher.decrypt(stream(sealed))))).toBe('login');
    expect(await rotate()).toMatchObject({ retired: recipients });
    await expect(replaceIdentity({ store, identityPath: join(directory, 'none') })).rejects.toMatchObject({
      code: 'KEY_MISSING',
    });
  });

  it('are never replaced by one that was put aside before', async () => {
    const { recipients } = await openKeyring({ store, identityPath });
    const second = await replaceIdentity({ store, identityPath });
    expect(await rotate()).toMatchObject({ retired: recipients });
    const third = await replaceIdentity({ store, identityPath });
    expect([...recipients, second]).not.toContain(third);
    expect((await openKeyring({ store, identityPath })).recipients).toEqual([third]);
  });

  it('are not lost when two replace them at once', async () => {
    await openKeyring({ store, identityPath });
    const replaced = await Promise.allSettled([1, 2, 3].map(() => replaceIdentity({ store, identityPath })));
    const own = (await listKeys({ store, identityPath })).filter(({ isOwn }) => isOwn);
    for (const { recipient } of await listKeys({ store, identityPath })) {
      expect(own.map((key) => key.recipient)).toContain(recipient);
    }
    expect(replaced.some(({ status }) => status === 'fulfilled')).toBe(true);
    for (const result of replaced) {
      if (result.status === 'fulfilled') continue;
      expect(result.reason).toMatchObject({ code: 'KEY_REFUSED', message: expect.stringContaining('another process') });
    }
    expect((await readdir(directory)).toSorted()).toEqual(['identity.txt']);
  });

  it('that come while a worker runs open for it what it seals and what was sealed anew', async () => {
    const running = await openKeyring({ store, identityPath });
    const before = await readAll(running.cipher.encrypt(stream('before')));
    await replaceIdentity({ store, identityPath });
    const after = await readAll(running.cipher.encrypt(stream('after')));
    expect(String(await readAll(running.cipher.decrypt(stream(after))))).toBe('after');
    await rm(identityPath);
    for (const [text, sealed] of Object.entries({ before, after })) {
      expect(String(await readAll(running.cipher.decrypt(stream(sealed))))).toBe(text);
    }
  });

  it('are exported, sealed with a passphrase or as they are', async () => {
    await openKeyring({ store, identityPath });
    const text = await readFile(identityPath, 'utf8');
    expect(await exportIdentity({ identityPath })).toBe(text);
    const sealed = await exportIdentity({ identityPath, passphrase: 'correct horse', workFactor: 8 });
    expect(sealed).not.toContain('AGE-SECRET-KEY');
    const decrypter = new Decrypter();
    decrypter.addPassphrase('correct horse');
    expect(await decrypter.decrypt(armor.decode(sealed), 'text')).toBe(text);
    await expect(exportIdentity({ identityPath, passphrase: '' })).rejects.toBeInstanceOf(TypeError);
    await expect(exportIdentity({ identityPath: join(directory, 'none') })).rejects.toMatchObject({
      code: 'KEY_MISSING',
    });
  });
});
