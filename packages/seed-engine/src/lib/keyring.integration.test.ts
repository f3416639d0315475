import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openKeyring } from './keyring.ts';
import { createMemoryStore } from './memory-store.ts';
import { readAll, stream } from './testing/contract-case.ts';

describe('openKeyring', () => {
  let directory: string;
  let identityPath: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-keyring-'));
    identityPath = join(directory, 'keys', 'identity.txt');
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('makes a key for a store without recipients, and says so', async () => {
    const store = createMemoryStore();
    const keyring = await openKeyring({ store, identityPath });
    expect(keyring).toMatchObject({ isNewIdentity: true, isFirstUse: true, identityPath });
    expect((await stat(identityPath)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'keys'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(directory, 'keys'))).toEqual(['identity.txt']);
    expect(await readFile(identityPath, 'utf8')).toMatch(/^AGE-SECRET-KEY-1/m);
  });

  it('opens with the same key again what it sealed', async () => {
    const store = createMemoryStore();
    const first = await openKeyring({ store, identityPath });
    const sealed = await readAll(first.cipher.encrypt(stream('login')));
    const again = await openKeyring({ store, identityPath });
    expect(again).toMatchObject({ isNewIdentity: false, isFirstUse: false, recipients: first.recipients });
    expect(String(await readAll(again.cipher.decrypt(stream(sealed))))).toBe('login');
  });

  it('uses a key that is there for a store without recipients', async () => {
    await openKeyring({ store: createMemoryStore(), identityPath });
    const text = await readFile(identityPath, 'utf8');
    const keyring = await openKeyring({ store: createMemoryStore(), identityPath });
    expect(keyring).toMatchObject({ isNewIdentity: false, isFirstUse: true });
    expect(await readFile(identityPath, 'utf8')).toBe(text);
  });

  it('makes no key for a store that has recipients, and says what to do', async () => {
    const store = createMemoryStore();
    const { recipients } = await openKeyring({ store, identityPath });
    const elsewhere = join(directory, 'other.txt');
    const opening = openKeyring({ store, identityPath: elsewhere });
    await expect(opening).rejects.toMatchObject({ code: 'KEY_MISSING' });
    await expect(openKeyring({ store, identityPath: elsewhere })).rejects.toThrow(
      new RegExp(`${recipients[0]}.*${elsewhere} is not there.*append`),
    );
    await expect(stat(elsewhere)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it("refuses another's key, and takes it once the right one is added", async () => {
    const store = createMemoryStore();
    await openKeyring({ store, identityPath });
    const elsewhere = join(directory, 'other.txt');
    await openKeyring({ store: createMemoryStore(), identityPath: elsewhere });
    await expect(openKeyring({ store, identityPath: elsewhere })).rejects.toThrow(/holds another key/);
    const both = (await readFile(elsewhere, 'utf8')) + (await readFile(identityPath, 'utf8'));
    await writeFile(elsewhere, both);
    await expect(openKeyring({ store, identityPath: elsewhere })).resolves.toMatchObject({ isFirstUse: false });
  });

  it('seals for all recipients of the store', async () => {
    const store = createMemoryStore();
    const identities = [await generateX25519Identity(), await generateX25519Identity()];
    const recipients = await Promise.all(identities.map(identityToRecipient));
    await store.insert({ name: 'store_settings' }, { id: 'keyring', recipients });
    await writeFile(join(directory, 'one'), `${identities[0]}\n`, { mode: 0o600 });
    await writeFile(join(directory, 'two'), `# my key\r\n${identities[1]}\r\n`, { mode: 0o600 });
    const one = await openKeyring({ store, identityPath: join(directory, 'one') });
    const two = await openKeyring({ store, identityPath: join(directory, 'two') });
    const sealed = await readAll(one.cipher.encrypt(stream('login')));
    expect(String(await readAll(two.cipher.decrypt(stream(sealed))))).toBe('login');
  });

  it('makes no key when told not to', async () => {
    const opening = openKeyring({ store: createMemoryStore(), identityPath, missingIdentity: 'refuse' });
    await expect(opening).rejects.toMatchObject({ code: 'KEY_MISSING' });
    await expect(stat(identityPath)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses a file that others may read, or that holds no key, without repeating it', async () => {
    const store = createMemoryStore();
    await openKeyring({ store, identityPath });
    await chmod(identityPath, 0o640);
    await expect(openKeyring({ store, identityPath })).rejects.toThrow(/chmod 600/);
    await chmod(identityPath, 0o600);
    await writeFile(identityPath, 'AGE-SECRET-KEY-1NOTAKEY\n');
    await expect(openKeyring({ store, identityPath })).rejects.toMatchObject({ code: 'KEY_REFUSED' });
    await expect(openKeyring({ store, identityPath })).rejects.not.toThrow(/NOTAKEY/);
    await expect(openKeyring({ store, identityPath: directory })).rejects.toMatchObject({ code: 'KEY_REFUSED' });
    for (const name of ['pagemap', 'clear_refs']) {
      const kernels = openKeyring({ store, identityPath: `/proc/self/${name}` });
      await expect(kernels).rejects.toMatchObject({ code: 'KEY_REFUSED' });
    }
  });

  it('lets one of several that open an empty store at once make the key', async () => {
    const store = createMemoryStore();
    const keyrings = await Promise.all(Array.from({ length: 8 }, () => openKeyring({ store, identityPath })));
    expect(keyrings.filter(({ isNewIdentity }) => isNewIdentity)).toHaveLength(1);
    expect(keyrings.filter(({ isFirstUse }) => isFirstUse)).toHaveLength(1);
    expect(new Set(keyrings.map(({ recipients }) => recipients.join())).size).toBe(1);
    const sealed = await readAll(keyrings[0]?.cipher.encrypt(stream('x')) ?? stream());
    for (const { cipher } of keyrings) expect(String(await readAll(cipher.decrypt(stream(sealed))))).toBe('x');
  });
});
