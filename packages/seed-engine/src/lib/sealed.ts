import type { Bytes } from '@optio-ts/host-core';

import { collect, once } from './bytes.ts';
import { noCipherName, type Cipher } from './cipher.ts';
import { DecryptError } from './errors.ts';

/**
 * Opens what was sealed by the cipher that a document names. Without a name it is the original's: opened by hooks
 * where the cipher is made of them, else plain. `what` is for the message.
 */
export function openSealed(cipher: Cipher, name: string | undefined, sealed: Bytes, what: string): Bytes {
  if (name === noCipherName) return sealed;
  if (name === cipher.name) return cipher.decrypt(sealed);
  if (name === undefined) return cipher.opensUnnamed === true ? cipher.decrypt(sealed) : sealed;
  return fail(
    new DecryptError(`Cannot open ${what}: it was sealed with the cipher ${name}, and ${cipher.name} is configured`),
  );
}

/**
 * Of a blob without a cipher's name nobody knows whether it was sealed: one that is not gzip was, by hooks that are not
 * configured. Throws `DecryptError` then.
 *
 * @yields the same bytes
 */
export async function* expectGzip(plain: Bytes, what: string): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of plain) {
    if (isFirst && chunk.length > 0) {
      isFirst = false;
      if (chunk[0] !== gzipMagic) {
        throw new DecryptError(
          `Cannot open ${what}: it is no plain archive. Written by the original with encryption hooks, it needs the same ones`,
        );
      }
    }
    yield chunk;
  }
}

const gzipMagic = 0x1f;

// Passwords and the like.
const maxSecretBytes = 1_048_576;

/** Seals a few bytes, to be kept in a document. */
export async function sealBytes(cipher: Cipher, plain: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await collect(cipher.encrypt(once(plain)), maxSecretBytes * 2, tooLong));
}

/** Opens what `sealBytes` made. Throws `DecryptError`. */
export function openBytes(
  cipher: Cipher,
  name: string | undefined,
  sealed: Uint8Array,
  what: string,
): Promise<Uint8Array> {
  return collect(openSealed(cipher, name, once(sealed), what), maxSecretBytes * 2, tooLong);
}

function tooLong(): Error {
  return new TypeError('Only a few bytes can be kept in a document');
}

function fail(error: Error): Bytes {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}
