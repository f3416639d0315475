import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { HostError } from './errors.ts';
import { killCommand, killExitCodes } from './kill-script.ts';
import type { KillTarget } from './kill-script.ts';
import { outputTail } from './run-checked.ts';
import { RUN_ID_VARIABLE } from './run-id.ts';

/**
 * Ends a tree on this machine and resolves when that is confirmed; rejects with `KILL_NOT_CONFIRMED` otherwise. The
 * environment is the one the killing script runs in, for its PATH.
 */
export function killLocally(
  target: KillTarget,
  env: Readonly<Record<string, string>>,
  description: string,
): Promise<void> {
  const [, ...parameters] = killCommand(target);
  const environment = { ...env };
  delete environment[RUN_ID_VARIABLE];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile('/bin/sh', parameters, { cwd: '/', env: environment, encoding: 'buffer' }, (error, stdout, stderr) => {
    if (error === null) return resolve();
    const survivors = outputTail(stdout).replaceAll('\n', ', ');
    const reason =
      error.code === killExitCodes.survivors
        ? `still there after KILL: ${survivors}`
        : `the processes cannot be listed: ${outputTail(stderr) || error.message}`;
    reject(
      new HostError('KILL_NOT_CONFIRMED', `Cannot end a process tree on ${description}: ${reason}`, { cause: error }),
    );
  });
  return promise;
}

/** The start time of a process of this machine as `KillRoot` wants it, or `undefined` where it cannot be read. */
export function readStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 22; counted from behind the name, which may hold anything.
    return stat.slice(stat.lastIndexOf(') ') + 2).split(' ')[19];
  } catch {
    // No /proc (macOS), or the process is gone: the caller then has no identity to check.
    return undefined;
  }
}
