import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { acceptNew } from './accept-new.ts';
import { fingerprintOf, fromKnownHosts, knownHostsPolicy, pinnedKey, type HostKeyPolicy } from './host-keys.ts';
import { defaultKnownHostsFiles } from './known-hosts-files.ts';

const encoded = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ4mwDGQSPoMhS8gPSYPzHMsr8bJ7OcVzUyHUkOfmtPb';
const key = Buffer.from(encoded, 'base64');
const otherKey = Buffer.from(key);
otherKey[40] = 0;
const target = { host: 'build-3', port: 2222 };

async function verify(policy: HostKeyPolicy, shown: Uint8Array) {
  return (await policy.open(target)).verify(shown);
}

describe('host key policies', () => {
  let directory: string;
  let file: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-keys-'));
    file = join(directory, 'ssh', 'known_hosts');
  });
  afterEach(() => rm(directory, { recursive: true }));

  describe('pinnedKey', () => {
    it('accepts the key by its fingerprint and by itself, and no other', async () => {
      for (const pin of [fingerprintOf(key), `${fingerprintOf(key)}=`, `ssh-ed25519 ${encoded} a comment`]) {
        expect(await verify(pinnedKey(pin), key)).toBeUndefined();
        expect((await verify(pinnedKey(pin), otherKey))?.reason).toContain(fingerprintOf(key));
      }
    });

    it('asks for the type of a public key', async () => {
      expect((await pinnedKey(`ssh-ed25519 ${encoded}`).open(target)).keyTypes).toEqual(['ssh-ed25519']);
    });

    it.each(['', 'MD5:aa', 'SHA256:short', `ssh-rsa ${encoded}`, 'ssh-ed25519'])('refuses %j as a pin', (pin) => {
      expect(() => pinnedKey(pin)).toThrow(TypeError);
    });
  });

  describe('fromKnownHosts', () => {
    it('rejects when a file cannot be read: nothing is accepted unread', async () => {
      await expect(fromKnownHosts(file).open(target)).rejects.toThrow('ENOENT');
    });

    it('reads what ssh reads by itself where it is told no file, and none of them has to be there', async () => {
      const { homedir: home } = userInfo();
      expect(fromKnownHosts().description).toBe(
        `${home}/.ssh/known_hosts, ${home}/.ssh/known_hosts2, /etc/ssh/ssh_known_hosts, /etc/ssh/ssh_known_hosts2`,
      );
      const none = knownHostsPolicy(defaultKnownHostsFiles(directory).user);
      expect(await verify(none, key)).toMatchObject({ reason: expect.stringContaining('is not in'), isUnknown: true });
    });

    it('names the line and the remedy of a changed key', async () => {
      const plain = join(directory, 'plain');
      await writeFile(plain, `\n[build-3]:2222 ssh-ed25519 ${encoded}\n`);
      expect(await verify(fromKnownHosts(plain), key)).toBeUndefined();
      const refusal = await verify(fromKnownHosts(plain), otherKey);
      expect(refusal?.reason).toContain(`${plain}:2`);
      expect(refusal?.remedy).toContain("ssh-keygen -R '[build-3]:2222'");
    });

    it('says that certificates are not supported', async () => {
      const plain = join(directory, 'plain');
      await writeFile(plain, `@cert-authority *:2222 ssh-ed25519 ${encoded}\n`);
      expect((await verify(fromKnownHosts(plain), key))?.reason).toContain('certificates');
    });
  });

  describe('acceptNew', () => {
    it('writes a new key down, private, and holds to it', async () => {
      expect(await verify(acceptNew(file), key)).toBeUndefined();
      expect(await readFile(file, 'utf8')).toBe(`[build-3]:2222 ssh-ed25519 ${encoded}\n`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await verify(acceptNew(file), key)).toBeUndefined();
      expect((await verify(acceptNew(file), otherKey))?.reason).toContain(`${file}:1`);
      expect(await verify(fromKnownHosts(file), key)).toBeUndefined();
    });

    it('does not join a last line that is not ended', async () => {
      const plain = join(directory, 'plain');
      await writeFile(plain, '# a comment');
      expect(await verify(acceptNew(plain), otherKey)).toBeUndefined();
      expect(await verify(fromKnownHosts(plain), otherKey)).toBeUndefined();
    });
  });
});
