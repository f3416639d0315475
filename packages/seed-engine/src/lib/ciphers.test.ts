import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, it } from 'vitest';

import { ageCipher } from './age-cipher.ts';
import { bytesCipher } from './bytes-cipher.ts';
import { noCipher } from './cipher.ts';
import { DecryptError, SeedEngineError } from './errors.ts';
import { expectGzip, openBytes, openSealed, sealBytes } from './sealed.ts';
import { cipherContract, type CipherContractSubject } from './testing/cipher-contract.ts';
import { noise, readAll, stream } from './testing/contract-case.ts';

const isDecryptError = (error: unknown) => DecryptError.is(error);

async function newAge() {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  return { identity, recipient, cipher: ageCipher({ recipients: [recipient], identities: [identity] }) };
}

/** Hooks as a user of the original might have: AES-256-GCM. */
function aesHooks() {
  const key = randomBytes(32);
  return bytesCipher({
    encrypt(bytes) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    decrypt(bytes) {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    },
  });
}

const subjects: Record<string, () => Promise<CipherContractSubject>> = {
  ageCipher: async () => ({
    cipher: (await newAge()).cipher,
    otherKey: (await newAge()).cipher,
    isAuthenticated: true,
    isStreaming: true,
  }),
  bytesCipher: async () => ({
    cipher: aesHooks(),
    otherKey: aesHooks(),
    isAuthenticated: true,
    isStreaming: false,
  }),
  noCipher: async () => ({ cipher: noCipher, isAuthenticated: false, isStreaming: true }),
};

for (const [name, subject] of Object.entries(subjects)) {
  describe(name, { timeout: 60_000 }, () => {
    for (const contractCase of cipherContract) {
      it(contractCase.name, async () => contractCase.run(await subject()));
    }
  });
}

describe('ageCipher', () => {
  it('seals for every recipient, and opens with any identity', async () => {
    const [first, second] = [await newAge(), await newAge()];
    const both = ageCipher({ recipients: [first.recipient, second.recipient], identities: [] });
    const sealed = await readAll(both.encrypt(stream('login')));
    expect(String(await readAll(first.cipher.decrypt(stream(sealed))))).toBe('login');
    expect(String(await readAll(second.cipher.decrypt(stream(sealed))))).toBe('login');
    await expect(readAll(both.decrypt(stream(sealed)))).rejects.toSatisfy(isDecryptError);
    expect(both.recipients).toEqual([first.recipient, second.recipient]);
  });

  it('refuses to seal for nobody', async () => {
    const { identity } = await newAge();
    const sealing = readAll(ageCipher({ recipients: [], identities: [identity] }).encrypt(stream('x')));
    await expect(sealing).rejects.toMatchObject({ code: 'ENCRYPT_FAILED' });
  });

  it('refuses a wrong key without repeating it', () => {
    const wrong = 'AGE-SECRET-KEY-1NOTAKEYNOTAKEYNOTAKEY';
    const making = () => ageCipher({ recipients: [], identities: [wrong] });
    expect(making).toThrow(TypeError);
    expect(making).not.toThrow(/NOTAKEY/);
    expect(() => ageCipher({ recipients: ['ssh-ed25519 AAAA'], identities: [] })).toThrow(TypeError);
  });

  it('does not gather a header without an end', async () => {
    const { cipher } = await newAge();
    let wasRead = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('age-encryption.org/v1\n');
      for (; wasRead < 50_000_000; wasRead += 65_536) yield Buffer.alloc(65_536, 'a');
    }
    await expect(readAll(cipher.decrypt(endless()))).rejects.toThrow(/header is too long/);
    expect(wasRead).toBeLessThan(1_000_000);
  });
});

describe('bytesCipher', () => {
  it('refuses what is too large to be held', async () => {
    const cipher = bytesCipher({ encrypt: (bytes) => bytes, decrypt: (bytes) => bytes, maxBytes: 10 });
    for (const through of [cipher.encrypt, cipher.decrypt]) {
      await expect(readAll(through(stream(noise(11))))).rejects.toMatchObject({ code: 'CIPHER_LIMIT' });
    }
  });

  it('keeps the cause of what a hook throws', async () => {
    const cause = new Error('bad MAC');
    const fail = () => {
      throw cause;
    };
    const cipher = bytesCipher({ encrypt: fail, decrypt: fail });
    await expect(readAll(cipher.encrypt(stream('x')))).rejects.toMatchObject({ code: 'ENCRYPT_FAILED', cause });
    await expect(readAll(cipher.decrypt(stream('x')))).rejects.toMatchObject({ code: 'DECRYPT_FAILED', cause });
  });

  it('refuses what a hook returns that is not bytes', async () => {
    for (const wrong of ['text', undefined, null, new ArrayBuffer(3)]) {
      const hook = () => wrong as unknown as Uint8Array;
      const cipher = bytesCipher({ encrypt: hook, decrypt: hook });
      await expect(readAll(cipher.encrypt(stream('x')))).rejects.toMatchObject({
        code: 'ENCRYPT_FAILED',
        message: expect.stringContaining('instead of a Uint8Array'),
      });
      await expect(readAll(cipher.decrypt(stream('x')))).rejects.toMatchObject({
        code: 'DECRYPT_FAILED',
        message: expect.stringContaining('instead of a Uint8Array'),
      });
    }
  });

  it('cannot take the name of another', () => {
    const encrypt = (bytes: Uint8Array) => bytes;
    expect(() => bytesCipher({ name: 'none', encrypt, decrypt: encrypt })).toThrow(TypeError);
  });
});

describe('openSealed', () => {
  it('opens what a document says is plain, whatever is configured', async () => {
    const { cipher } = await newAge();
    expect(String(await readAll(openSealed(cipher, 'none', stream('plain'), 'x')))).toBe('plain');
  });

  it('refuses what another cipher sealed', async () => {
    const opening = readAll(openSealed(noCipher, 'age', stream('x'), 'seed 1'));
    await expect(opening).rejects.toSatisfy(isDecryptError);
    await expect(readAll(openSealed(noCipher, 'age', stream('x'), 'seed 1'))).rejects.toThrow(/seed 1.*age.*none/);
  });

  it("opens the original's with hooks, or as it is", async () => {
    const hooks = aesHooks();
    const sealed = await readAll(hooks.encrypt(stream('old')));
    expect(String(await readAll(openSealed(hooks, undefined, stream(sealed), 'x')))).toBe('old');
    const { cipher } = await newAge();
    expect(String(await readAll(openSealed(cipher, undefined, stream('old'), 'x')))).toBe('old');
  });
});

describe('expectGzip', () => {
  it('says that a blob which is no gzip was sealed by hooks', async () => {
    await expect(readAll(expectGzip(stream('', 'X'), 'seed 1'))).rejects.toSatisfy(isDecryptError);
    expect(await readAll(expectGzip(stream(Buffer.from([0x1f, 0x8b])), 'seed 1'))).toHaveLength(2);
  });
});

describe('sealBytes', () => {
  it('is undone by openBytes', async () => {
    const { cipher } = await newAge();
    const sealed = await sealBytes(cipher, Buffer.from('password'));
    expect(String(await openBytes(cipher, 'age', sealed, 'the password'))).toBe('password');
  });
});

it('tells a DecryptError from the errors it is one of', () => {
  expect(SeedEngineError.is(new DecryptError('x'))).toBe(true);
  expect(DecryptError.is(new SeedEngineError('KEY_MISSING', 'x'))).toBe(false);
});
