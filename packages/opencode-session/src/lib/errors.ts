const brand: unique symbol = Symbol.for('@optio-ts/opencode-session/OpencodeSessionError') as typeof brand;

/** What kept a session from running, to branch on. Messages may change, codes do not. */
export type OpencodeSessionErrorCode =
  /** An agent was to start on its own and nobody named its model. */
  | 'MODEL_MISSING'
  /** There is no agent to answer: the session is not live yet, or over. */
  | 'NOT_LIVE'
  /** The workdir holds more than `maxSnapshotBytes`. */
  | 'SNAPSHOT_TOO_LARGE';

/** Base of every error this package throws. */
export class OpencodeSessionError extends Error {
  /** Stable identifier to branch on: messages may change, codes do not. */
  readonly code: OpencodeSessionErrorCode;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    this.prototype.name = 'OpencodeSessionError';
  }

  constructor(code: OpencodeSessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static is(error: unknown): error is OpencodeSessionError {
    return error instanceof Error && brand in error;
  }
}

/** An error's message, for events and outcomes. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
