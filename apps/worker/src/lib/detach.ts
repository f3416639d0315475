import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { WorkerError } from './errors.ts';
import { makeDirectories } from './make-directories.ts';
import { printableLine } from './printable.ts';
import { reasonOf } from './secret-reference.ts';

/** A session that was started in the background. */
export interface DetachedSession {
  readonly sessionId: string;
  readonly taskId: string;
  readonly pid: number;
  /** Absolute path of what its process prints. */
  readonly log: string;
}

/** Options of `detach`. */
export interface DetachOptions {
  /** Part of the log's name. */
  readonly name: string;
  /** Absolute directory for the log. */
  readonly directory: string;
  readonly abortSignal: AbortSignal;
}

/**
 * Starts this command line again in a process of its own, and waits until it has a session. It has its own process group and no
 * terminal: neither Ctrl-C nor a closed window reaches it. Throws `DETACH_FAILED` with its last words when it ends before.
 */
export async function detach(options: DetachOptions): Promise<DetachedSession> {
  const time = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 17);
  const log = join(options.directory, `${options.name}-${time}.log`);
  await using file = await openLog(options.directory, log);
  const [program = '', script = '', ...args] = process.argv;
  const child = spawn(
    program,
    [...process.execArgv, script, ...args.filter((arg) => arg !== '--detach' && arg !== '--json'), '--background'],
    {
      detached: true,
      stdio: ['ignore', file.fd, file.fd, 'ipc'],
    },
  );
  const begun = Promise.withResolvers<DetachedSession>();
  child.once('message', (message) => {
    begun.resolve({ ...(message as { sessionId: string; taskId: string }), pid: child.pid ?? 0, log });
  });
  child.once('error', begun.reject);
  child.once('exit', () => {
    void readFile(log, 'utf8').then((text) => {
      const last = printableLine(
        text
          .trimEnd()
          .split('\n')
          .at(-1)
          ?.replace(/^optio: /, '') ?? '',
        1000,
      );
      begun.reject(
        new WorkerError('DETACH_FAILED', `${last === '' ? 'it ended before there was a session' : last} (${log})`),
      );
    }, begun.reject);
  });
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  options.abortSignal.addEventListener('abort', stop, { once: true });
  try {
    return await begun.promise;
  } finally {
    options.abortSignal.removeEventListener('abort', stop);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

async function openLog(directory: string, log: string): Promise<FileHandle> {
  try {
    await makeDirectories(directory, { mode: 0o700 });
    return await open(log, 'wx', 0o600);
  } catch (error) {
    throw new WorkerError('OUTPUT_REFUSED', `cannot write the log ${log}: ${reasonOf(error)}`, { cause: error });
  }
}
