import { ReadableStream } from 'node:stream/web';

import type { Bytes } from '@optio-ts/host-core';
import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption';

import { readAgeHeader } from './age-header.ts';
import type { Cipher } from './cipher.ts';
import { DecryptError, SeedEngineError } from './errors.ts';
import { guardSource } from './source-guard.ts';

/** Options of `ageCipher`. */
export interface AgeCipherOptions {
  /** Who can open what is sealed: `age1…` (X25519) or `age1pq1…`. At least one to seal anything. */
  readonly recipients: readonly string[];
  /** Secret keys to open with: `AGE-SECRET-KEY-…`. None: seals only. */
  readonly identities: readonly string[];
}

/**
 * Seals in the format of age (age-encryption.org/v1), which the `age` command reads as well. Several recipients can
 * each open a blob, so keys can be changed one at a time. Works in pieces of 64 KiB; each is authenticated before it
 * is handed out.
 */
export function ageCipher({ recipients, identities }: AgeCipherOptions): Cipher {
  const encrypter = new Encrypter();
  const decrypter = new Decrypter();
  checked('recipients', 'an age recipient', () => {
    for (const recipient of recipients) encrypter.addRecipient(recipient);
  });
  checked('identities', 'an age identity', () => {
    for (const identity of identities) decrypter.addIdentity(identity);
  });
  return {
    name: 'age',
    recipients: [...recipients],
    async *encrypt(plain) {
      if (recipients.length === 0) {
        throw new SeedEngineError('ENCRYPT_FAILED', 'Cannot encrypt: no age recipient is configured');
      }
      const source = guardSource(plain);
      try {
        yield* readOut(await encrypter.encrypt(readIn(source.content)));
      } catch (cause) {
        if (source.failure !== undefined) throw source.failure.error;
        throw new SeedEngineError('ENCRYPT_FAILED', 'age could not encrypt', { cause });
      }
    },
    async *decrypt(sealed) {
      const source = guardSource(sealed);
      try {
        yield* readOut(await decrypter.decrypt(readIn(readAgeHeader(source.content))));
      } catch (cause) {
        if (source.failure !== undefined) throw source.failure.error;
        throw new DecryptError(`Cannot decrypt: ${reason(cause)}`, { cause });
      }
    },
  };
}

/**
 * The recipient that an identity opens for. Throws `TypeError` for what is no identity; its text is never part of the
 * message.
 */
export async function recipientOf(identity: string): Promise<string> {
  try {
    return await identityToRecipient(identity);
  } catch {
    throw new TypeError('This is not an age identity (AGE-SECRET-KEY-…)');
  }
}

function readIn(content: Bytes): ReadableStream<Uint8Array> {
  return ReadableStream.from(content) as ReadableStream<Uint8Array>;
}

async function* readOut(content: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  // An empty blob is one empty piece.
  for await (const chunk of content as Bytes) if (chunk.length > 0) yield chunk;
}

/** An identity in the caller's hands may be wrong: its text must not get into the error. */
function checked(option: string, what: string, add: () => void): void {
  try {
    add();
  } catch {
    throw new TypeError(`${option} holds something that is not ${what}`);
  }
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('no identity matched')) return 'none of the configured keys opens it';
  if (message.includes('invalid tag')) return 'it was changed or cut short';
  return message;
}
