import { HostError } from './errors.ts';

/** Another run holds the task directory. Its `code` is `TASK_DIRECTORY_IN_USE`. */
export class TaskDirectoryInUseError extends HostError {
  /** Run id of the holder, as its lock says; `unknown` when the lock cannot be read. */
  readonly runId: string;

  static {
    this.prototype.name = 'TaskDirectoryInUseError';
  }

  constructor(message: string, runId: string, options?: ErrorOptions) {
    super('TASK_DIRECTORY_IN_USE', message, options);
    this.runId = runId;
  }
}
