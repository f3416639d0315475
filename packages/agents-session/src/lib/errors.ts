const brand: unique symbol = Symbol.for('@optio-ts/agents-session/AgentSessionError') as typeof brand;

/** What went wrong in a session, to branch on. Messages may change, codes do not. */
export type AgentSessionErrorCode =
  /** A deliverable could not be read when its content was asked for, or changed meanwhile. */
  | 'DELIVERABLE_UNREADABLE'
  /** A path that a hook gave leaves the workdir, or is not a regular file. */
  | 'PATH_REFUSED'
  /** A file that a hook reads is larger than its limit. */
  | 'LIMIT_EXCEEDED';

/** Base of every error this package throws. */
export class AgentSessionError extends Error {
  /** Stable identifier to branch on: messages may change, codes do not. */
  readonly code: AgentSessionErrorCode;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    this.prototype.name = 'AgentSessionError';
  }

  constructor(code: AgentSessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static is(error: unknown): error is AgentSessionError {
    return error instanceof Error && brand in error;
  }
}

/** The message of anything that was thrown. Never throws: hooks throw what they like. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return 'something was thrown that has no text';
  }
}

/** What an abort says of itself; `undefined` for one that was given no reason. */
export function describeAbort(reason: unknown): string | undefined {
  return reason === undefined || (reason instanceof Error && reason.name === 'AbortError')
    ? undefined
    : messageOf(reason);
}
