const brand: unique symbol = Symbol.for('@optio-ts/opencode-launcher/OpencodeError') as typeof brand;

/** What went wrong with an opencode server, to branch on. Messages may change, codes do not. */
export type OpencodeErrorCode =
  | 'ABORTED'
  | 'CONFIG_INVALID'
  | 'CONFINEMENT_UNAVAILABLE'
  | 'CONNECTION_FAILED'
  | 'DATABASE_UNUSABLE'
  | 'EXITED_EARLY'
  | 'EXPORT_INVALID'
  | 'HOME_NOT_WRITABLE'
  | 'IMPORT_FAILED'
  | 'PORT_TAKEN'
  | 'REQUEST_FAILED'
  | 'REQUEST_TIMEOUT'
  | 'RESPONSE_INVALID'
  | 'SESSION_NOT_FOUND'
  | 'START_TIMEOUT'
  | 'VERSION_MISMATCH';

/** Base of every error this package throws by itself; what a host throws (`HostError`) passes through. */
export class OpencodeError extends Error {
  /** Stable identifier to branch on: messages may change, codes do not. */
  readonly code: OpencodeErrorCode;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    this.prototype.name = 'OpencodeError';
  }

  constructor(code: OpencodeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static is(error: unknown): error is OpencodeError {
    return error instanceof Error && brand in error;
  }
}

/** The server did not come up. Its message ends with what the server printed last, secrets taken out. */
export class OpencodeStartError extends OpencodeError {
  /** The last lines of its output, secrets taken out; empty when it printed nothing. */
  readonly output: readonly string[];

  static {
    this.prototype.name = 'OpencodeStartError';
  }

  constructor(code: OpencodeErrorCode, message: string, output: readonly string[], options?: ErrorOptions) {
    super(code, output.length === 0 ? message : `${message}\n\n${output.join('\n')}`, options);
    this.output = output;
  }
}

/** The server answered a request with an error. */
export class OpencodeRequestError extends OpencodeError {
  /** HTTP status. */
  readonly status: number;
  /** What it answered, at most 16 KiB, secrets taken out. */
  readonly body: string;

  static {
    this.prototype.name = 'OpencodeRequestError';
  }

  constructor(code: OpencodeErrorCode, message: string, response: { readonly status: number; readonly body: string }) {
    super(code, response.body === '' ? message : `${message}\n\n${response.body.slice(0, 2048)}`);
    this.status = response.status;
    this.body = response.body;
  }
}
