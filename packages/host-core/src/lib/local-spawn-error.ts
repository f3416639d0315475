import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';

import { commandError, cwdNotFoundError } from './command-errors.ts';
import type { HostError } from './errors.ts';
import type { Command } from './host.ts';

/**
 * Says why a child process did not start. The system reports the directory and the program with one and the same code, and
 * so both are looked at.
 */
export async function localSpawnError(
  cause: unknown,
  command: Command,
  options: { readonly cwd: string; readonly description: string },
): Promise<HostError> {
  const { cwd, description } = options;
  const errno = errnoOf(cause);
  if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'EACCES') {
    const directory = await stat(cwd).catch(errnoOf);
    if (directory === 'ENOENT' || directory === 'ENOTDIR')
      return cwdNotFoundError(description, command, cwd, { cause });
    if (typeof directory === 'object' && directory !== undefined && !directory.isDirectory()) {
      return cwdNotFoundError(description, command, cwd, { cause });
    }
    const entry = await access(cwd, constants.X_OK).catch(errnoOf);
    if (entry === 'EACCES') return commandError('PERMISSION_DENIED', description, command, { cause, detail: cwd });
  }
  if (errno === 'EACCES') return commandError('PERMISSION_DENIED', description, command, { cause });
  if (errno === 'ENOENT' || errno === 'ENOTDIR')
    return commandError('COMMAND_NOT_FOUND', description, command, { cause });
  return commandError('SPAWN_FAILED', description, command, {
    cause,
    detail: errno ?? 'unknown reason',
  });
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
