const brand: unique symbol = Symbol.for('@optio-ts/worker/WorkerError') as typeof brand;

/** What the worker itself refuses or fails at, to branch on. Messages may change, codes do not. */
export type WorkerErrorCode =
  /** Ctrl-C, SIGTERM or SIGHUP came before the session had begun. */
  | 'INTERRUPTED'
  /** A deliverable cannot be written where it belongs. */
  | 'DELIVERABLE_NOT_SAVED'
  /** The output directory cannot be made or written to. */
  | 'OUTPUT_REFUSED'
  /** The task file is broken, or what it names is not there. Nothing was started. */
  | 'TASK_FILE_INVALID'
  /** The worker's configuration is broken. Nothing was started. */
  | 'CONFIG_INVALID'
  /** No host of that name can be used. Nothing was started. */
  | 'HOST_UNKNOWN'
  /** The store's database cannot be reached, or does not let us in. */
  | 'STORE_UNREACHABLE'
  /** The process in the background ended before it had a session. */
  | 'DETACH_FAILED'
  /** A session works on this task already. Nothing was started. */
  | 'TASK_AT_WORK'
  /** There is nothing of that name or id. */
  | 'NOT_FOUND'
  /** What was asked for cannot be done; the message says what can. Nothing was changed. */
  | 'REFUSED'
  /** The task's files changed or went away while they were read. */
  | 'FILES_UNREADABLE';

/** Base of every error the worker throws. */
export class WorkerError extends Error {
  /** Stable identifier to branch on: messages may change, codes do not. */
  readonly code: WorkerErrorCode;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
    this.prototype.name = 'WorkerError';
  }

  constructor(code: WorkerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Narrows `error`, even when it comes from another copy of this package. */
  static is(error: unknown): error is WorkerError {
    return error instanceof Error && brand in error;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
