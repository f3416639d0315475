import { homedir } from 'node:os';

import { checkCommand, checkPort } from './check-command.ts';
import { collectOutput } from './collect-output.ts';
import { commandError } from './command-errors.ts';
import { HostError } from './errors.ts';
import type { Command, CommandOptions, Host, PortForward } from './host.ts';
import { forwardLocally } from './local-forward.ts';
import { killLocally } from './local-kill.ts';
import { startLocalProcess } from './local-process.ts';
import type { LocalProcess } from './local-process.ts';
import { RUN_ID_VARIABLE, createRunId } from './run-id.ts';

/** Options of `createLocalHost`. */
export interface CreateLocalHostOptions {
  /**
   * The host's whole environment: commands see it and what their own `env` adds.
   * @default the environment of this process, as it is when the host is made
   */
  readonly env?: Readonly<Record<string, string>>;
  /** Names it in messages: for a host of another kind that is made of this one. @default 'this machine' */
  readonly description?: string;
}

/**
 * Makes a `Host` of the machine this program runs on. Commands start in `HOME` of its environment, in a session of their
 * own. `forwardPort` gives the port itself unless another local port is asked for.
 */
export function createLocalHost(options: CreateLocalHostOptions = {}): Host {
  const { description = 'this machine' } = options;
  const hostEnv: Readonly<Record<string, string>> = {
    ...(options.env ?? (process.env as Record<string, string>)),
  };
  const home = hostEnv['HOME'] === undefined || hostEnv['HOME'] === '' ? homedir() : hostEnv['HOME'];
  // The first half of every run id of this host: what it left behind is found by it.
  const runIdPrefix = createRunId().slice(0, 12);
  const processes = new Set<LocalProcess>();
  const starting = new Set<Promise<unknown>>();
  const forwards = new Set<PortForward>();
  let hasStarted = false;
  let disposal: Promise<void> | undefined;

  const start = async (command: Command, commandOptions: CommandOptions): Promise<LocalProcess> => {
    if (disposal !== undefined) throw commandError('DISPOSED', description, command);
    hasStarted = true;
    const env = { ...hostEnv, [RUN_ID_VARIABLE]: createRunId(runIdPrefix), ...commandOptions.env };
    const started = startLocalProcess(command, {
      ...commandOptions,
      cwd: commandOptions.cwd ?? home,
      env,
      hostEnv,
      description,
    });
    starting.add(started);
    try {
      const localProcess = await started;
      processes.add(localProcess);
      const forget = (): boolean => processes.delete(localProcess);
      localProcess.exited.then(forget, forget);
      return localProcess;
    } finally {
      starting.delete(started);
    }
  };

  const dispose = async (): Promise<void> => {
    // One that is just starting joins `processes` before this goes on.
    await Promise.allSettled(starting);
    const reason = new HostError('DISPOSED', `Commands on ${description} were ended: the host was closed`);
    const results = await Promise.allSettled([
      ...[...processes].map((localProcess) => localProcess.terminate(reason)),
      ...[...forwards].map((forward) => forward[Symbol.asyncDispose]()),
    ]);
    if (hasStarted)
      results.push(...(await Promise.allSettled([killLocally({ runId: runIdPrefix }, hostEnv, description)])));
    const failures = results.filter((result) => result.status === 'rejected').map((result) => result.reason as unknown);
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, `Cannot end everything on ${description}`);
  };

  return {
    description,
    run: async (command, runOptions = {}) => {
      checkCommand(command, runOptions);
      const { maxOutputBytes, ...commandOptions } = runOptions;
      const localProcess = await start(command, commandOptions);
      const terminate = (reason: Error): Promise<void> => localProcess.terminate(reason);
      return collectOutput(localProcess, { command, description, maxOutputBytes, terminate });
    },
    spawn: async (command, spawnOptions = {}) => {
      checkCommand(command, spawnOptions);
      return start(command, spawnOptions);
    },
    forwardPort: async (port, forwardOptions = {}) => {
      const { localPort = port, abortSignal } = forwardOptions;
      checkPort(port, 'port');
      checkPort(localPort, 'localPort', true);
      const reason = `Cannot forward port ${port} of ${description}`;
      if (disposal !== undefined) throw new HostError('DISPOSED', `${reason}: the host was closed`);
      if (abortSignal?.aborted === true) {
        throw new HostError('ABORTED', `${reason}: aborted`, { cause: abortSignal.reason });
      }
      if (localPort === port) return { localPort, [Symbol.asyncDispose]: async () => undefined };
      const opening = forwardLocally(port, localPort, { abortSignal, description });
      starting.add(opening);
      try {
        const forward = await opening;
        forwards.add(forward);
        return {
          localPort: forward.localPort,
          [Symbol.asyncDispose]: async () => {
            forwards.delete(forward);
            await forward[Symbol.asyncDispose]();
          },
        };
      } finally {
        starting.delete(opening);
      }
    },
    [Symbol.asyncDispose]: () => (disposal ??= dispose()),
  };
}
