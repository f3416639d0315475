import { HostError } from './errors.ts';
import type { Command } from './host.ts';

/** A code `commandError` has words for. */
export type CommandErrorCode =
  | 'ABORTED'
  | 'COMMAND_NOT_FOUND'
  | 'CONNECTION_LOST'
  | 'DISPOSED'
  | 'PERMISSION_DENIED'
  | 'SPAWN_FAILED'
  | 'TIMEOUT';

const reasons: Readonly<Record<CommandErrorCode, string>> = {
  ABORTED: 'aborted',
  COMMAND_NOT_FOUND: 'command not found',
  CONNECTION_LOST: 'the connection was lost, and with it whether the command ended',
  DISPOSED: 'the host was closed',
  PERMISSION_DENIED: 'permission denied',
  SPAWN_FAILED: 'it could not be started',
  TIMEOUT: 'it took too long',
};

/**
 * The error of a command that could not start or was ended, worded alike by every host: `Cannot run git on build-3: command
 * not found`. Names the program and none of its arguments, since these may be secrets.
 */
export function commandError(
  code: CommandErrorCode,
  description: string,
  command: Command,
  options: ErrorOptions & { readonly detail?: string } = {},
): HostError {
  const { detail, ...rest } = options;
  const reason = reasons[code] + (detail === undefined ? '' : `: ${detail}`);
  return new HostError(code, `Cannot run ${command[0]} on ${description}: ${reason}`, rest);
}

/** The `CWD_NOT_FOUND` of a command whose directory is not there. */
export function cwdNotFoundError(
  description: string,
  command: Command,
  cwd: string,
  options?: ErrorOptions,
): HostError {
  const message = `Cannot run ${command[0]} on ${description}: no directory ${cwd}`;
  return new HostError('CWD_NOT_FOUND', message, options);
}

/** The `OUTPUT_LIMIT` of a command that printed more than the caller wants to hold. */
export function outputLimitError(
  description: string,
  command: Command,
  stream: 'stdout' | 'stderr',
  maxBytes: number,
): HostError {
  const message = `${command[0]} on ${description} was ended: it wrote more than ${maxBytes} bytes to ${stream}`;
  return new HostError('OUTPUT_LIMIT', message);
}
