import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

import { commandError } from './command-errors.ts';
import { HostError } from './errors.ts';
import { feedStdin } from './feed-stdin.ts';
import type { Command, HostProcess, KillOptions, ProcessExit, SpawnOptions } from './host.ts';
import { killLocally, readStartTime } from './local-kill.ts';
import { readLocalOutput } from './local-output.ts';
import { localSpawnError } from './local-spawn-error.ts';
import { RUN_ID_VARIABLE } from './run-id.ts';
import { startTimer } from './start-timer.ts';

/** What a `LocalProcess` runs as. */
export interface StartLocalProcessOptions extends SpawnOptions {
  readonly cwd: string;
  /** The whole environment, the caller's variables and the run id included. */
  readonly env: Readonly<Record<string, string>>;
  /** The host's environment: the killing script runs in it. */
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly description: string;
}

/** A process of this machine, and what its host needs of it. */
export interface LocalProcess extends HostProcess {
  /**
   * Ends it as `kill` does and, once that is confirmed, fails `exited` and both streams with `reason`. Where it cannot be
   * confirmed they fail with `KILL_NOT_CONFIRMED` and `reason` as its cause, and so does the returned promise.
   */
  terminate(reason: Error): Promise<void>;
}

/** Starts a process in a session of its own. Rejects as `Host.spawn` does. */
export async function startLocalProcess(command: Command, options: StartLocalProcessOptions): Promise<LocalProcess> {
  const { env, hostEnv, description, stdin, abortSignal, timeoutMs } = options;
  const child = await spawnChild(command, options);
  const pid = child.pid ?? 0;
  const startTime = readStartTime(pid);
  const stdout = readLocalOutput(child.stdout);
  const stderr = readLocalOutput(child.stderr);
  const feed = child.stdin === null ? undefined : feedStdin(stdin, child.stdin);

  const ended = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<ProcessExit>();
  let hasExited = false;
  let isGone = false;
  let termination: Promise<void> | undefined;

  child.once('exit', (exitCode, signal) => {
    hasExited = true;
    feed?.stop();
    void Promise.all([stdout.finish(), stderr.finish()]).then(() => {
      // Whoever ends it for a reason fails the streams with that when the whole tree is gone.
      if (termination === undefined) {
        stdout.end();
        stderr.end();
        outcome.resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined });
      }
      ended.resolve();
    });
  });

  const kill = async (killOptions: KillOptions = {}): Promise<void> => {
    if (isGone) return;
    const runId = env[RUN_ID_VARIABLE] ?? '';
    const identity = hasExited ? 'gone' : startTime;
    const root = { pid, ...(identity === undefined ? {} : { startTime: identity }) };
    await killLocally({ runId, roots: [root], ...killOptions }, hostEnv, description);
    await ended.promise;
    isGone = true;
  };

  const terminate = (reason: Error): Promise<void> => {
    const fail = (error: unknown): void => {
      stdout.end(error);
      stderr.end(error);
      outcome.reject(error);
    };
    termination ??= kill().then(
      () => fail(reason),
      (error: Error) => {
        const unconfirmed = new HostError('KILL_NOT_CONFIRMED', error.message, { cause: reason });
        fail(unconfirmed);
        throw unconfirmed;
      },
    );
    return termination;
  };
  // `exited` tells how that went.
  const endFor = (reason: Error): void => void terminate(reason).catch(() => undefined);

  const onAbort = (): void => endFor(commandError('ABORTED', description, command, { cause: abortSignal?.reason }));
  abortSignal?.addEventListener('abort', onAbort, { once: true });
  // While the system was starting it, nobody listened.
  if (abortSignal?.aborted === true) onAbort();
  const stopTimer = startTimer(timeoutMs, () =>
    endFor(commandError('TIMEOUT', description, command, { detail: `more than ${timeoutMs} ms` })),
  );
  feed?.done.catch((error: unknown) => {
    if (!hasExited) endFor(error instanceof Error ? error : new Error('The source of stdin failed', { cause: error }));
  });

  const settle = (): void => {
    stopTimer();
    abortSignal?.removeEventListener('abort', onAbort);
  };
  // Also what keeps a rejection that nobody waits for from ending this process.
  outcome.promise.then(settle, settle);

  return {
    stdout: stdout.bytes,
    stderr: stderr.bytes,
    exited: outcome.promise,
    kill,
    terminate,
    [Symbol.asyncDispose]: () => kill(),
  };
}

type Child = ChildProcess & {
  readonly stdout: NonNullable<ChildProcess['stdout']>;
  readonly stderr: NonNullable<ChildProcess['stderr']>;
};

async function spawnChild(command: Command, options: StartLocalProcessOptions): Promise<Child> {
  const { cwd, env, stdin, description, abortSignal } = options;
  if (abortSignal?.aborted === true) throw commandError('ABORTED', description, command, { cause: abortSignal.reason });
  const [program = '', ...parameters] = command;
  try {
    const child = spawn(program, parameters, {
      cwd,
      env,
      // A session of its own: one group to end, and no terminal of ours to read from.
      detached: true,
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.on('error', reject);
    });
    return child as Child;
  } catch (error) {
    throw await localSpawnError(error, command, options);
  }
}
