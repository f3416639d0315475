import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** A pair of encryption hooks as the original takes them. */
export interface OriginalHooks {
  readonly encrypt: (plain: Uint8Array) => Uint8Array;
  readonly decrypt: (sealed: Uint8Array) => Uint8Array;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The hooks that `startOriginal` gives the original for a key of 32 bytes: a nonce, the ciphertext of AES-256-GCM, the tag. */
export function originalHooks(key: Uint8Array): OriginalHooks {
  return {
    encrypt(plain) {
      const nonce = randomBytes(NONCE_BYTES);
      const sealing = createCipheriv('aes-256-gcm', key, nonce);
      return Buffer.concat([nonce, sealing.update(plain), sealing.final(), sealing.getAuthTag()]);
    },
    decrypt(sealed) {
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const opening = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      opening.setAuthTag(sealed.subarray(-TAG_BYTES));
      return Buffer.concat([opening.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), opening.final()]);
    },
  };
}
