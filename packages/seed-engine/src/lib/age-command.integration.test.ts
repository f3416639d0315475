import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { ageCipher } from './age-cipher.ts';
import type { Cipher } from './cipher.ts';
import { noise, readAll, stream } from './testing/contract-case.ts';

// Around the borders of the pieces of 64 KiB, where formats part.
const lengths = [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 1_000_003];

/** Runs the `age` command on bytes. */
async function age(parameters: readonly string[], input: Uint8Array): Promise<Buffer> {
  const child = spawn('age', parameters, { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const [output, complaint] = await Promise.all([
    readAll(child.stdout),
    readAll(child.stderr),
    // It may refuse before it has read everything.
    pipeline(Readable.from([input]), child.stdin).catch(() => {}),
  ]);
  const [code] = await exited;
  if (code !== 0) throw new Error(String(complaint));
  return output;
}

describe('ageCipher', () => {
  let directory: string;
  let identityFile: string;
  let identity: string;
  let recipient: string;
  let cipher: Cipher;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-age-'));
    identityFile = join(directory, 'identity.txt');
    identity = await generateX25519Identity();
    recipient = await identityToRecipient(identity);
    await writeFile(identityFile, `${identity}\n`, { mode: 0o600 });
    cipher = ageCipher({ recipients: [recipient], identities: [identity] });
  });
  afterAll(() => rm(directory, { recursive: true }));

  describe('and the age command', () => {
    beforeEach(async (context) => {
      const isThere = await age(['--version'], new Uint8Array(0)).then(
        () => true,
        () => false,
      );
      if (!isThere) context.skip('needs the age command: apt-get install age');
    });

    it.each(lengths)('open what the other sealed: %i bytes', async (length) => {
      const plain = noise(length, length + 1);
      const sealed = await age(['--encrypt', '--recipient', recipient], plain);
      expect((await readAll(cipher.decrypt(stream(sealed)))).equals(plain)).toBe(true);
      const ours = await readAll(cipher.encrypt(stream(plain)));
      expect((await age(['--decrypt', '--identity', identityFile], ours)).equals(plain)).toBe(true);
      expect(ours.length).toBe(sealed.length);
    });

    it('refuse the same: cut at the border of a piece, a piece left out, two swapped, an empty last one', async () => {
      const sealed = await age(['--encrypt', '--recipient', recipient], noise(3 * 65_536));
      const start = sealed.length - 3 * 65_552;
      const piece = (index: number) => sealed.subarray(start + index * 65_552, start + (index + 1) * 65_552);
      const head = sealed.subarray(0, start);
      for (const pieces of [
        [piece(0), piece(1)],
        [piece(0), piece(2)],
        [piece(1), piece(0), piece(2)],
        [piece(0), piece(1), piece(2), piece(2)],
        [piece(0), piece(1), piece(2), Buffer.alloc(16)],
        [],
      ]) {
        const changed = Buffer.concat([head, ...pieces]);
        await expect(age(['--decrypt', '--identity', identityFile], changed)).rejects.toThrow();
        await expect(readAll(cipher.decrypt(stream(changed)))).rejects.toMatchObject({ code: 'DECRYPT_FAILED' });
      }
    });
  });

  it.each(lengths)('and the age-encryption package open what the other sealed: %i bytes', async (length) => {
    const plain = noise(length, length + 1);
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    const sealed = await encrypter.encrypt(plain);
    expect((await readAll(cipher.decrypt(stream(sealed)))).equals(plain)).toBe(true);
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    const opened = await decrypter.decrypt(await readAll(cipher.encrypt(stream(plain))));
    expect(plain.equals(opened)).toBe(true);
  });
});
