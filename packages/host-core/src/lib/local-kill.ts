import { spawn } from 'node:child_process';
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
  const fail = (reason: string, cause?: Error): void =>
    reject(new HostError('KILL_NOT_CONFIRMED', `Cannot end a process tree on ${description}: ${reason}`, { cause }));
  const child = spawn('/bin/sh', parameters, {
    cwd: '/',
    env: environment,
    // A Ctrl-C on the terminal goes to our whole process group, and must not end what ends the others.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  child.once('error', (error) => fail(`the processes cannot be listed: ${error.message}`, error));
  child.once('close', (code, signal) => {
    if (code === 0) return resolve();
    if (code === killExitCodes.survivors) {
      return fail(`still there after KILL: ${outputTail(Buffer.concat(chunks.stdout)).replaceAll('\n', ', ')}`);
    }
    const said = outputTail(Buffer.concat(chunks.stderr));
    return fail(`the processes cannot be listed: ${said || `the shell ended with ${signal ?? `exit code ${code}`}`}`);
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
