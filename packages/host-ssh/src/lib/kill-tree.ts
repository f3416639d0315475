import { HostError, killCommand, killExitCodes, type KillTarget } from '@optio-ts/host-core';

import { collectBytes } from './collect-bytes.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { LeasedShell } from './leased-shell.ts';
import { startSshProcess } from './ssh-process.ts';
import { closeChannel } from './ssh2-internals.ts';

/** Milliseconds for the killing script beyond its grace: for a new connection where the old one is lost, and for its scans. */
const patienceMs = 15_000;

/**
 * Makes the function that ends a tree on the host: over a channel of its own, since closing a command's channel ends nothing,
 * and on a new connection where there is none. Rejects with `KILL_NOT_CONFIRMED`.
 */
export function createTreeKiller(pool: ConnectionPool, description: string): (target: KillTarget) => Promise<void> {
  return async (target) => {
    const stop = new AbortController();
    const fail = (reason: string, cause?: unknown): HostError =>
      new HostError('KILL_NOT_CONFIRMED', `Cannot confirm the end of a process tree on ${description}: ${reason}`, {
        cause,
      });
    const limit = (target.graceMs ?? 2000) + patienceMs;
    const timer = setTimeout(() => stop.abort(fail(`no answer within ${limit} ms`)), limit);
    // Raced, since a link that is only half there answers nothing, not even the closing of a channel.
    const stopped = new Promise<never>((_resolve, reject) => {
      stop.signal.addEventListener('abort', () => reject(stop.signal.reason as HostError));
    });
    stopped.catch(() => undefined);
    let shell: LeasedShell | undefined;
    try {
      shell = await pool.takeShell('urgent', stop.signal);
      const running = startSshProcess(shell, {
        command: killCommand(target),
        cwd: '/',
        env: {},
        runId: '',
        stdin: undefined,
        description,
        // Nobody ends what ends others: its channel is closed when the time is over, and it ends by itself.
        stopSignal: new AbortController().signal,
        killTree: () => Promise.resolve(),
      });
      const process = await Promise.race([running, stopped]);
      const output = Promise.all([collectBytes(process.stdout), collectBytes(process.stderr), process.exited]);
      const [survivors, complaint, exit] = await Promise.race([output, stopped]);
      if (exit.exitCode === killExitCodes.confirmed) return;
      if (exit.exitCode === killExitCodes.survivors)
        throw fail(`still there after KILL: ${survivors.replaceAll('\n', ', ')}`);
      throw fail(`the processes cannot be listed: ${complaint}`);
    } catch (error) {
      if (stop.signal.aborted && shell !== undefined) closeChannel(shell.channel);
      throw HostError.is(error) && error.code === 'KILL_NOT_CONFIRMED' ? error : fail(messageOf(error), error);
    } finally {
      clearTimeout(timer);
    }
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown reason';
}
