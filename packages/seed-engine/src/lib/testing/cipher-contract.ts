import assert from 'node:assert/strict';

import type { Cipher } from '../cipher.ts';
import { DecryptError } from '../errors.ts';
import { noise, readAll, stream, type ContractCase } from './contract-case.ts';

/** What `cipherContract` runs on. */
export interface CipherContractSubject {
  readonly cipher: Cipher;
  /** The same kind of cipher with another key; where there are no keys, absent. */
  readonly otherKey?: Cipher;
  /** Whether a change of sealed bytes is noticed. `false` only for a cipher that promises no secrecy either. */
  readonly isAuthenticated: boolean;
  /** Whether it works piece by piece, without holding a blob in memory. */
  readonly isStreaming: boolean;
}

type CipherCase = ContractCase<CipherContractSubject>;

/** What every cipher promises, case by case. What a subject says it cannot do is checked to be so. */
export const cipherContract: readonly CipherCase[] = [
  {
    name: 'has a name',
    run: async ({ cipher }) => assert.match(cipher.name, /^[a-z][a-z0-9-]*$/),
  },
  {
    name: 'opens what it sealed, of any length',
    run: async ({ cipher }) => {
      for (const length of [0, 1, 15, 16, 17, 65_535, 65_536, 65_537, 131_072, 1_000_003]) {
        const plain = noise(length, length + 1);
        const opened = await readAll(cipher.decrypt(stream(await seal(cipher, plain))));
        assert.ok(plain.equals(opened), `${length} bytes`);
      }
    },
  },
  {
    name: 'does not mind in which pieces bytes come',
    run: async ({ cipher }) => {
      const plain = noise(200_000);
      const sealed = await readAll(cipher.encrypt(inPieces(plain, [1, 0, 70_000, 13, 64])));
      for (const pieces of [[1, 2, 3, 40_000], [sealed.length], [0, 65_552, 200]]) {
        assert.ok(plain.equals(await readAll(cipher.decrypt(inPieces(sealed, pieces)))));
      }
    },
  },
  {
    name: 'can be used for several streams at once',
    run: async ({ cipher }) => {
      const plains = [1, 2, 3, 4].map((seed) => noise(150_000, seed));
      const sealed = await Promise.all(plains.map((plain) => seal(cipher, plain)));
      const opened = await Promise.all(sealed.map((bytes) => readAll(cipher.decrypt(stream(bytes)))));
      opened.forEach((bytes, index) => assert.ok(plains[index]?.equals(bytes)));
    },
  },
  {
    name: 'hides what it seals, differently each time',
    run: async ({ cipher, isAuthenticated }) => {
      const plain = Buffer.from('the same secret login, again and again'.repeat(100));
      const [first, second] = [await seal(cipher, plain), await seal(cipher, plain)];
      assert.equal(first.includes('secret login'), !isAuthenticated);
      assert.equal(first.equals(second), !isAuthenticated);
    },
  },
  {
    name: 'refuses every changed bit near the start, in the middle and at the end',
    run: async ({ cipher, isAuthenticated }) => {
      const plain = noise(66_000);
      const sealed = await seal(cipher, plain);
      const middle = Math.floor(sealed.length / 2);
      for (const position of [
        ...range(0, 260),
        ...range(middle, middle + 16),
        ...range(sealed.length - 40, sealed.length),
      ]) {
        const changed = Buffer.from(sealed);
        changed[position] = (changed[position] ?? 0) ^ (1 << (position % 8));
        const opening = readAll(cipher.decrypt(stream(changed)));
        if (isAuthenticated) await refuses(opening, `bit in byte ${position}`);
        else assert.equal((await opening).equals(plain), false);
      }
    },
  },
  {
    name: 'refuses what was cut short',
    run: async ({ cipher, isAuthenticated }) => {
      if (!isAuthenticated) return;
      const sealed = await seal(cipher, noise(132_000));
      const lengths = [...range(0, 260), 65_736, 65_752, 131_288, ...range(sealed.length - 40, sealed.length)];
      for (const length of lengths) {
        await refuses(readAll(cipher.decrypt(stream(sealed.subarray(0, length)))), `${length} bytes`);
      }
    },
  },
  {
    name: 'refuses what was added',
    run: async ({ cipher, isAuthenticated }) => {
      if (!isAuthenticated) return;
      const sealed = await seal(cipher, noise(70_000));
      await refuses(readAll(cipher.decrypt(stream(sealed, Buffer.from([0])))), 'one byte more');
      await refuses(readAll(cipher.decrypt(stream(sealed, sealed))), 'twice');
    },
  },
  {
    name: 'refuses what it did not seal',
    run: async ({ cipher, isAuthenticated }) => {
      if (!isAuthenticated) return;
      for (const bytes of [
        Buffer.from('plain text'),
        noise(5000),
        Buffer.alloc(5000),
        Buffer.from('age-encryption.org/v1\n'),
      ]) {
        await refuses(readAll(cipher.decrypt(stream(bytes))), bytes.toString('latin1', 0, 20));
      }
    },
  },
  {
    name: 'refuses what was sealed with another key',
    run: async ({ cipher, otherKey, isAuthenticated }) => {
      assert.equal(otherKey !== undefined, isAuthenticated);
      if (otherKey === undefined) return;
      const sealed = await seal(otherKey, noise(1000));
      await refuses(readAll(cipher.decrypt(stream(sealed))), 'another key');
    },
  },
  {
    name: 'throws what its source throws',
    run: async ({ cipher }) => {
      const failure = new Error('the source broke');
      const sealed = await seal(cipher, noise(300_000));
      for (const length of [0, 100, 200_000]) {
        async function* broken(bytes: Buffer): AsyncGenerator<Uint8Array> {
          if (length > 0) yield bytes.subarray(0, length);
          throw failure;
        }
        await assert.rejects(readAll(cipher.encrypt(broken(noise(300_000)))), failure);
        await assert.rejects(readAll(cipher.decrypt(broken(sealed))), failure);
      }
    },
  },
  {
    name: 'closes its source when it is left in the middle',
    run: async ({ cipher, isStreaming }) => {
      if (!isStreaming) return;
      const sealed = await seal(cipher, noise(1_000_000));
      for (const [bytes, through] of [
        [noise(1_000_000), cipher.encrypt],
        [sealed, cipher.decrypt],
      ] as const) {
        const closed = Promise.withResolvers<void>();
        async function* source(): AsyncGenerator<Uint8Array> {
          try {
            yield* inPieces(bytes, [10_000]);
          } finally {
            closed.resolve();
          }
        }
        for await (const chunk of through(source())) if (chunk.length > 0) break;
        await closed.promise;
      }
    },
  },
  {
    name: 'reads little more than it hands out',
    run: async ({ cipher, isStreaming }) => {
      let isRead = 0;
      async function* source(bytes: Buffer): AsyncGenerator<Uint8Array> {
        for await (const chunk of inPieces(bytes, [50_000])) {
          isRead += chunk.length;
          yield chunk;
        }
      }
      const plain = noise(4_000_000);
      const sealed = await seal(cipher, plain);
      for (const [bytes, through] of [
        [plain, cipher.encrypt],
        [sealed, cipher.decrypt],
      ] as const) {
        isRead = 0;
        for await (const chunk of through(source(bytes))) if (chunk.length > 0) break;
        assert.equal(isRead < 1_500_000, isStreaming, `${isRead} bytes were read for the first piece`);
      }
    },
  },
];

function seal(cipher: Cipher, plain: Buffer): Promise<Buffer> {
  return readAll(cipher.encrypt(stream(plain)));
}

async function refuses(opening: Promise<unknown>, what: string): Promise<void> {
  await assert.rejects(
    opening,
    (error) => {
      assert.ok(DecryptError.is(error), `${what}: expected a DecryptError, got ${String(error)}`);
      return true;
    },
    `${what} was accepted`,
  );
}

async function* inPieces(bytes: Buffer, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (let index = 0; offset < bytes.length; index += 1) {
    const length = lengths[index % lengths.length] ?? 1;
    yield bytes.subarray(offset, offset + length);
    offset += length;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
