import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption';

import { makeAgeHeader, splitAgeFile } from './age-header.ts';
import { openPayload, sealPayload } from './age-payload.ts';
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
 * is handed out. The header is `age-encryption`'s work, the payload OpenSSL's.
 */
export function ageCipher({ recipients, identities }: AgeCipherOptions): Cipher {
  const decrypter = new Decrypter();
  checked('recipients', 'an age recipient', () => {
    const encrypter = new Encrypter();
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
        yield* sealPayload(await makeAgeHeader(recipients), source.content);
      } catch (cause) {
        if (source.failure !== undefined) throw source.failure.error;
        throw new SeedEngineError('ENCRYPT_FAILED', 'age could not encrypt', { cause });
      } finally {
        await source.close();
      }
    },
    async *decrypt(sealed) {
      const source = guardSource(sealed);
      try {
        const { header, payload } = await splitAgeFile(source.content);
        yield* openPayload(await decrypter.decryptHeader(header), payload);
      } catch (cause) {
        if (source.failure !== undefined) throw source.failure.error;
        throw new DecryptError(`Cannot decrypt: ${reason(cause)}`, { cause });
      } finally {
        await source.close();
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
  return message;
}
