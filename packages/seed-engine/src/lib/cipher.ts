import type { Bytes } from '@optio-ts/host-core';

/**
 * Turns a stream of bytes into a sealed one and back.
 *
 * Neither way holds more than a bounded part of the stream, unless the cipher says so. Errors of the stream that goes
 * in come out as they are. `decrypt` throws a `DecryptError` for everything else that goes wrong with it, at the
 * latest at its end: nothing it has handed out is to be believed before.
 */
export interface Cipher {
  /** Recorded in documents beside each blob: what was sealed under one name is opened under it. */
  readonly name: string;
  /** Seals a stream. Throws `ENCRYPT_FAILED`, or `CIPHER_LIMIT` from a cipher that holds all of it. */
  readonly encrypt: (plain: Bytes) => Bytes;
  /** Opens a sealed stream. Throws `DecryptError`. */
  readonly decrypt: (sealed: Bytes) => Bytes;
  /** Who can open what this seals, as far as the cipher knows recipients. */
  readonly recipients?: readonly string[];
  /**
   * What to seal with now, for a cipher whose recipients may change: those of what this returns do not.
   * @default itself
   */
  readonly current?: () => Promise<Cipher>;
  /** Also opens blobs whose document names no cipher: those that the original sealed with its hooks. @default false */
  readonly opensUnnamed?: boolean;
}

/** The name of a cipher that does nothing. */
export const noCipherName = 'none';

/** Leaves everything readable. To be named where it is wanted: nothing uses it by itself. */
export const noCipher: Cipher = {
  name: noCipherName,
  encrypt: (plain) => plain,
  decrypt: (sealed) => sealed,
};
