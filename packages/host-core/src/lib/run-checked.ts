import { CommandFailedError } from './errors.ts';
import type { Command, Host, ProcessExit, RunOptions, RunResult } from './host.ts';

/** Options of `runChecked`. */
export interface RunCheckedOptions extends RunOptions {
  /** What the command is for, for the message: `Cannot read the archive`. @default `Cannot run <program>` */
  readonly what?: string;
}

/**
 * Runs a command that has to succeed: like `host.run`, but anything else than exit code 0 is a `CommandFailedError`
 * (`COMMAND_FAILED`) that carries the end of what it wrote to stderr.
 */
export async function runChecked(host: Host, command: Command, options: RunCheckedOptions = {}): Promise<RunResult> {
  const { what, ...runOptions } = options;
  const result = await host.run(command, runOptions);
  if (result.exitCode !== 0) throw commandFailed(host, command, result, result.stderr, what);
  return result;
}

/** The `CommandFailedError` of a command that ended with `exit`. */
export function commandFailed(
  host: Pick<Host, 'description'>,
  command: Command,
  exit: ProcessExit,
  stderr: Uint8Array,
  what = `Cannot run ${command[0]}`,
): CommandFailedError {
  const message = `${what} on ${host.description}: ${command[0]} ${describeExit(exit)}`;
  return new CommandFailedError(message, {
    exitCode: exit.exitCode,
    signal: exit.signal,
    stderr: outputTail(stderr),
  });
}

/** Says in words how a process ended: `ended with exit code 3`, `was ended by SIGKILL`. */
export function describeExit(exit: ProcessExit): string {
  if (exit.signal !== undefined) return `was ended by ${exit.signal}`;
  return exit.exitCode === undefined ? 'ended for an unknown reason' : `ended with exit code ${exit.exitCode}`;
}

const tailBytes = 2048;

/** The last 2 KiB of an output as text, without white space at its ends. */
export function outputTail(output: Uint8Array): string {
  return Buffer.from(output.subarray(-tailBytes)).toString('utf8').trim();
}
