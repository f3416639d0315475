const brand: unique symbol = Symbol.for('@optio-ts/opencode-seeds/OpencodeSeedError') as typeof brand;

/**
 * Why something is no seed for opencode, to branch on. Messages may change, codes do not.
 *
 * `LOGIN_MISSING`, `MODEL_MISSING` and `ACTIVE_CONTENT` mean that a home is not worth or not fit to be kept: the session that
 * asked goes on, with a warning. `VERSION_UNSUPPORTED` means that this release does not know that opencode.
 */
export type OpencodeSeedErrorCode = 'ACTIVE_CONTENT' | 'LOGIN_MISSING' | 'MODEL_MISSING' | 'VERSION_UNSUPPORTED';

/** Base of every error this package throws. Those of the store, the cipher and the host pass through. */
export class OpencodeSeedError extends Error {
  /** Stable identifier to branch on: messages may change, codes do not. */
  readonly code: OpencodeSeedErrorCode;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    this.prototype.name = 'OpencodeSeedError';
  }

  constructor(code: OpencodeSeedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static is(error: unknown): error is OpencodeSeedError {
    return error instanceof Error && brand in error;
  }
}
