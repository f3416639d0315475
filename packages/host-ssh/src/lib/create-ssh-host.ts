import {
  checkCommand,
  checkPort,
  collectOutput,
  commandError,
  createRunId,
  HostError,
  RUN_ID_VARIABLE,
  startTimer,
  type Command,
  type CommandOptions,
  type Host,
  type KillRoot,
  type PortForward,
} from '@optio-ts/host-core';

import { createConnectionPool } from './connection-pool.ts';
import { dial } from './dial.ts';
import { openForward } from './forward.ts';
import { createTreeKiller } from './kill-tree.ts';
import { resolveOptions, type CreateSshHostOptions } from './options.ts';
import type { ShellUse } from './pooled-connection.ts';
import { startSshProcess, type SshProcess } from './ssh-process.ts';

/**
 * Makes a `Host` of a machine that is reached over SSH. Nothing is connected before the first call; one connection then serves
 * all, and a lost one is made anew by the next call. What runs when the link is lost is told `CONNECTION_LOST`, and is ended
 * as soon as there is a link again.
 */
export function createSshHost(options: CreateSshHostOptions): Host {
  const resolved = resolveOptions(options);
  const { description } = resolved;
  // The first half of every run id of this host: what it left behind is found by it.
  const runIdPrefix = createRunId().slice(0, 12);
  const processes = new Set<SshProcess>();
  const starting = new Set<Promise<unknown>>();
  const forwards = new Set<PortForward>();
  const orphans = new Map<string, KillRoot>();
  const disposing = new AbortController();
  let hasStarted = false;
  let disposal: Promise<void> | undefined;

  const pool = createConnectionPool({
    description,
    maxConnections: resolved.maxConnections,
    shellTimeoutMs: resolved.connectTimeoutMs,
    dial: (abortSignal) => dial(resolved, abortSignal),
    // Not waited for: whoever lost these was told that nothing is known of them.
    onConnected: () => void endOrphans().catch(() => undefined),
  });
  const killTree = createTreeKiller(pool, description);

  const endOrphans = async (): Promise<void> => {
    const found = [...orphans];
    if (found.length === 0) return;
    await Promise.all(
      found.map(async ([runId, root]) => {
        await killTree({ runId, roots: [root] });
        orphans.delete(runId);
      }),
    );
  };

  const start = async (command: Command, commandOptions: CommandOptions, use: ShellUse): Promise<SshProcess> => {
    if (disposal !== undefined) throw commandError('DISPOSED', description, command);
    const stop = armStop(commandOptions, (code, options) => commandError(code, description, command, options));
    try {
      const env = { [RUN_ID_VARIABLE]: createRunId(runIdPrefix), ...commandOptions.env };
      const runId = env[RUN_ID_VARIABLE] ?? '';
      const shell = await pool.takeShell(use, stop.signal);
      hasStarted = true;
      const remember = (error: unknown): void => {
        const { pid, startTime } = shell.identity;
        // Without a start time the pid may be somebody else's by then; the run id is found all the same.
        const isLost = HostError.is(error) && (error.code === 'CONNECTION_LOST' || error.code === 'KILL_NOT_CONFIRMED');
        if (isLost && startTime !== undefined) orphans.set(runId, { pid, startTime });
      };
      const { cwd, stdin } = commandOptions;
      const process = await startSshProcess(shell, {
        command,
        cwd,
        env,
        runId,
        stdin,
        description,
        killTree,
        stopSignal: stop.signal,
      }).catch((error: unknown) => {
        remember(error);
        throw error;
      });
      processes.add(process);
      process.exited.catch(remember).finally(() => {
        processes.delete(process);
        stop.disarm();
      });
      return process;
    } catch (error) {
      stop.disarm();
      throw error;
    }
  };

  /** Armed before anything is connected: abort, timeout and the end of the host, each with the error that says so. */
  const armStop = ({ abortSignal, timeoutMs }: StopOptions, explain: Explain): Stop => {
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(explain('ABORTED', { cause: abortSignal?.reason }));
    const onDispose = (): void => controller.abort(explain('DISPOSED'));
    if (abortSignal?.aborted === true) onAbort();
    abortSignal?.addEventListener('abort', onAbort);
    disposing.signal.addEventListener('abort', onDispose);
    const stopTimer = startTimer(timeoutMs, () =>
      controller.abort(explain('TIMEOUT', { detail: `more than ${timeoutMs} ms` })),
    );
    return {
      signal: controller.signal,
      disarm() {
        stopTimer();
        abortSignal?.removeEventListener('abort', onAbort);
        disposing.signal.removeEventListener('abort', onDispose);
      },
    };
  };

  const track = async <Result>(promise: Promise<Result>): Promise<Result> => {
    starting.add(promise);
    try {
      return await promise;
    } finally {
      starting.delete(promise);
    }
  };

  const sweep = (): Promise<void> => killTree({ runId: runIdPrefix, roots: [...orphans.values()] });

  const dispose = async (): Promise<void> => {
    disposing.abort();
    // One that is just starting is ended by the same signal, and tells how that went to whoever started it.
    await Promise.allSettled(starting);
    const results = await Promise.allSettled([
      ...[...processes].map((process) => process.exited.catch(throwUnconfirmed)),
      ...[...forwards].map((forward) => forward[Symbol.asyncDispose]()),
    ]);
    if (orphans.size > 0) results.push(...(await Promise.allSettled([sweep()])));
    // What commands left in the background carries their run ids. Without a link, nothing is known of it.
    else if (hasStarted && pool.hasConnection())
      await sweep().catch((error: unknown) => {
        if (pool.hasConnection()) results.push({ status: 'rejected', reason: error });
      });
    pool.close(new HostError('DISPOSED', `The connection to ${description} was closed`));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, `Cannot end everything on ${description}`);
  };

  return {
    description,
    run: async (command, runOptions = {}) => {
      checkCommand(command, runOptions);
      const { maxOutputBytes, ...commandOptions } = runOptions;
      const process = await track(start(command, commandOptions, 'short'));
      const terminate = (reason: Error): Promise<void> => process.terminate(reason);
      return collectOutput(process, { command, description, maxOutputBytes, terminate });
    },
    spawn: async (command, spawnOptions = {}) => {
      checkCommand(command, spawnOptions);
      return track(start(command, spawnOptions, 'long'));
    },
    forwardPort: async (port, forwardOptions = {}) => {
      const { localPort, abortSignal } = forwardOptions;
      const options = { port, description, ...(localPort !== undefined && { localPort }) };
      checkPort(port, 'port');
      if (localPort !== undefined) checkPort(localPort, 'localPort', true);
      const explain: Explain = (code, errorOptions) =>
        new HostError(
          code,
          `Cannot forward port ${port} of ${description}: ${code === 'DISPOSED' ? 'the host was closed' : 'aborted'}`,
          errorOptions,
        );
      if (disposal !== undefined) throw explain('DISPOSED');
      const stop = armStop({ abortSignal }, explain);
      const takeConnection = (signal: AbortSignal) => pool.takeConnection(signal);
      const opening = openForward({ ...options, stopSignal: stop.signal, takeConnection });
      const forward = await track(opening).finally(() => stop.disarm());
      forwards.add(forward);
      return {
        localPort: forward.localPort,
        [Symbol.asyncDispose]: async () => {
          forwards.delete(forward);
          await forward[Symbol.asyncDispose]();
        },
      };
    },
    [Symbol.asyncDispose]: () => (disposal ??= dispose()),
  };
}

interface StopOptions {
  readonly abortSignal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Makes the error of what was ended for a reason. */
type Explain = (code: 'ABORTED' | 'DISPOSED' | 'TIMEOUT', options?: ErrorOptions & { detail?: string }) => HostError;

interface Stop {
  readonly signal: AbortSignal;
  disarm(): void;
}

/** While a host is being closed, only an end that could not be confirmed is news. */
function throwUnconfirmed(error: unknown): void {
  if (HostError.is(error) && error.code === 'KILL_NOT_CONFIRMED') throw error;
}
