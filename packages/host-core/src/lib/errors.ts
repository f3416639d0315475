const brand: unique symbol = Symbol.for('@optio-ts/host-core/HostError') as typeof brand;

/** What went wrong on a host, to branch on. Messages may change, codes do not. */
export type HostErrorCode =
  | 'ABORTED'
  | 'ARCHIVE_FAILED'
  | 'ARCHIVE_REFUSED'
  | 'ARTIFACT_FAILED'
  | 'ARTIFACT_LOCKED'
  | 'COMMAND_FAILED'
  | 'COMMAND_NOT_FOUND'
  | 'CONFIG_FAILED'
  | 'CONFIG_UNSUPPORTED'
  | 'CONFINEMENT_UNAVAILABLE'
  | 'CONNECTION_LOST'
  | 'CONNECT_FAILED'
  | 'CWD_NOT_FOUND'
  | 'DIGEST_MISMATCH'
  | 'DISPOSED'
  | 'DOWNLOAD_FAILED'
  | 'FORWARD_FAILED'
  | 'HOST_KEY_REFUSED'
  | 'HOST_UNSUPPORTED'
  | 'KILL_NOT_CONFIRMED'
  | 'NOT_FOUND'
  | 'OUTPUT_LIMIT'
  | 'PATH_REFUSED'
  | 'PERMISSION_DENIED'
  | 'READ_FAILED'
  | 'SPAWN_FAILED'
  | 'SUPERVISOR_FAILED'
  | 'SUPERVISOR_LOST'
  | 'TASK_DIRECTORY_IN_USE'
  | 'TASK_DIRECTORY_REFUSED'
  | 'TIMEOUT'
  | 'WRITE_FAILED';

/** Base of every error this package and the hosts built on it throw. */
export class HostError extends Error {
  /** Stable identifier to branch on: messages may change, codes do not. */
  readonly code: HostErrorCode;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    this.prototype.name = 'HostError';
  }

  constructor(code: HostErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static is(error: unknown): error is HostError {
    return error instanceof Error && brand in error;
  }
}

/** A command that had to succeed ended with another code than 0. Its `code` is `COMMAND_FAILED`. */
export class CommandFailedError extends HostError {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** The last 2 KiB of what it wrote to its standard error. */
  readonly stderr: string;

  static {
    this.prototype.name = 'CommandFailedError';
  }

  constructor(
    message: string,
    result: { readonly exitCode: number | undefined; readonly signal: string | undefined; readonly stderr: string },
    options?: ErrorOptions,
  ) {
    super('COMMAND_FAILED', result.stderr === '' ? message : `${message}\n\n${result.stderr}`, options);
    this.exitCode = result.exitCode;
    this.signal = result.signal;
    this.stderr = result.stderr;
  }
}

/** Why a download did not work. */
export type DownloadFailure =
  | 'connect'
  | 'cut-short'
  | 'dns'
  | 'other'
  | 'redirect'
  | 'stalled'
  | 'status'
  | 'tls'
  | 'too-large';

/** A host could not download a file. Its `code` is `DOWNLOAD_FAILED`. */
export class DownloadFailedError extends HostError {
  readonly failure: DownloadFailure;
  /** The HTTP status that was no success; absent for any other `failure` than `status`. */
  readonly status: number | undefined;

  static {
    this.prototype.name = 'DownloadFailedError';
  }

  constructor(
    message: string,
    details: { readonly failure: DownloadFailure; readonly status?: number },
    options?: ErrorOptions,
  ) {
    super('DOWNLOAD_FAILED', message, options);
    this.failure = details.failure;
    this.status = details.status;
  }
}
