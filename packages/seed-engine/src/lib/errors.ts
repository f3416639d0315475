const brand: unique symbol = Symbol.for('@optio-ts/seed-engine/SeedEngineError') as typeof brand;
const decryptBrand: unique symbol = Symbol.for('@optio-ts/seed-engine/DecryptError') as typeof decryptBrand;

/** What went wrong with a store, a cipher or a seed, to branch on. Messages may change, codes do not. */
export type SeedEngineErrorCode =
  | 'ABORTED'
  | 'BLOB_CORRUPT'
  | 'BLOB_NOT_FOUND'
  | 'CIPHER_LIMIT'
  | 'DECRYPT_FAILED'
  | 'DISPOSED'
  | 'DOCUMENT_EXISTS'
  | 'DOCUMENT_NOT_FOUND'
  | 'DOCUMENT_UNREADABLE'
  | 'ENCRYPT_FAILED'
  | 'KEY_MISSING'
  | 'KEY_REFUSED'
  | 'REVISION_CONFLICT'
  | 'SEED_EMPTY'
  | 'SEED_EXPIRED'
  | 'SEED_FILE_CORRUPT'
  | 'SEED_IN_USE'
  | 'SEED_LEASE_LOST'
  | 'SEED_MALFORMED'
  | 'SEED_NOT_FOUND'
  | 'SEED_TOO_LARGE'
  | 'SEED_VERSION_UNKNOWN'
  | 'SESSION_LEASE_LOST'
  | 'SESSION_NOT_FOUND'
  | 'SESSION_OWNED'
  | 'SNAPSHOT_MALFORMED'
  | 'STORE_BUSY'
  | 'STORE_CORRUPT'
  | 'STORE_FAILED'
  | 'STORE_TOO_NEW';

/** Base of every error this package throws. */
export class SeedEngineError extends Error {
  /** Stable identifier to branch on: messages may change, codes do not. */
  readonly code: SeedEngineErrorCode;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    this.prototype.name = 'SeedEngineError';
  }

  constructor(code: SeedEngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static is(error: unknown): error is SeedEngineError {
    return error instanceof Error && brand in error;
  }
}

/**
 * Sealed bytes could not be opened: wrong key, another cipher, changed or cut short. Its `code` is `DECRYPT_FAILED`.
 *
 * A type of its own because it must never be answered by starting afresh: the data is still there, its key is not.
 */
export class DecryptError extends SeedEngineError {
  static {
    Object.defineProperty(this.prototype, decryptBrand, { value: true });
    this.prototype.name = 'DecryptError';
  }

  constructor(message: string, options?: ErrorOptions) {
    super('DECRYPT_FAILED', message, options);
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static override is(error: unknown): error is DecryptError {
    return error instanceof Error && decryptBrand in error;
  }
}
