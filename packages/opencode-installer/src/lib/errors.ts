const brand: unique symbol = Symbol.for('@optio-ts/opencode-installer/OpencodeInstallError') as typeof brand;

/** What went wrong with an installation, to branch on. Messages may change, codes do not. */
export type OpencodeInstallErrorCode =
  | 'ABORTED'
  | 'BINARY_BROKEN'
  | 'BINARY_NOT_FOUND'
  | 'CACHE_DIRECTORY_INVALID'
  | 'DIGEST_MISMATCH'
  | 'DOWNLOAD_FAILED'
  | 'FETCH_REFUSED'
  | 'NOT_INSTALLED'
  | 'NPM_CONFIG_INVALID'
  | 'PACKAGE_INVALID'
  | 'REGISTRY_REFUSED'
  | 'SMART_CHECK_FAILED'
  | 'SMART_CHECK_INVALID'
  | 'VERSION_NOT_FOUND';

/** Base of every error this package throws. Trouble with the host itself stays a `HostError`. */
export class OpencodeInstallError extends Error {
  /** Stable identifier to branch on: messages may change, codes do not. */
  readonly code: OpencodeInstallErrorCode;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    this.prototype.name = 'OpencodeInstallError';
  }

  constructor(code: OpencodeInstallErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static is(error: unknown): error is OpencodeInstallError {
    return error instanceof Error && brand in error;
  }
}

/** Whether somebody who was asked did not answer: then what is installed may do. */
export function isUnreachable(error: unknown): error is OpencodeInstallError {
  return OpencodeInstallError.is(error) && (error.code === 'DOWNLOAD_FAILED' || error.code === 'SMART_CHECK_FAILED');
}
