import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

import {
  commandError,
  cwdNotFoundError,
  feedStdin,
  HostError,
  type Command,
  type HostProcess,
  type KillOptions,
  type KillTarget,
  type ProcessExit,
  type StdinSource,
} from '@optio-ts/host-core';

import { composeLaunch, type LaunchReport } from './bootstrap.ts';
import { readChannel } from './channel-output.ts';
import { createLaunchScanner } from './launch-scanner.ts';
import type { LeasedShell } from './leased-shell.ts';
import { closeChannel } from './ssh2-internals.ts';

/** What an `SshProcess` runs as. */
export interface StartSshProcessOptions {
  readonly command: Command;
  readonly cwd: string | undefined;
  /** Variables that are added, the run id included. */
  readonly env: Readonly<Record<string, string>>;
  readonly runId: string;
  readonly stdin: StdinSource | undefined;
  readonly description: string;
  /** Ends it, with a `HostError` as its reason: abort, timeout or the end of the host. */
  readonly stopSignal: AbortSignal;
  /** Ends a tree on the host over another channel; rejects with `KILL_NOT_CONFIRMED`. */
  readonly killTree: (target: KillTarget) => Promise<void>;
}

/** A process on the host, and what the host object needs of it. */
export interface SshProcess extends HostProcess {
  /** As `LocalProcess.terminate`: ends it and fails `exited` and both streams with `reason`, or with `KILL_NOT_CONFIRMED`. */
  terminate(reason: Error): Promise<void>;
}

/** Turns a waiting shell into a command. Resolves when the program runs; rejects as `Host.spawn` does. */
export async function startSshProcess(shell: LeasedShell, options: StartSshProcessOptions): Promise<SshProcess> {
  const { runId, stopSignal, killTree } = options;
  const { channel, identity } = shell;
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<ProcessExit>();
  let exit: ProcessExit | undefined;
  let isGone = false;
  let termination: Promise<void> | undefined;

  const scanner = createLaunchScanner(shell.nonce, (report) => {
    if (report === 'go') started.resolve();
    else started.reject(launchError(report, options));
  });
  const stdout = readChannel(channel, channel);
  const stderr = readChannel(channel, channel.stderr, (chunk) => scanner.filter(chunk));
  // Both in one go: the launch and what fits of the input travel together.
  channel.write(composeLaunch(options));
  const feed = feedStdin(options.stdin, channel);

  const conclude = (): void => {
    ended.resolve();
    if (termination !== undefined) return;
    const failure = failureOf(exit, shell.isLost(), scanner.hasExecFailed ? scanner.complaint() : undefined, options);
    started.reject(failure ?? spawnFailed(scanner.complaint(), options));
    stdout.end(failure);
    stderr.end(failure);
    if (failure) outcome.reject(failure);
    else outcome.resolve(exit as ProcessExit);
  };
  const closed = Promise.all([shell.closed, stdout.ended, stderr.ended]);
  channel.on('exit', (code: number | null, signal?: string) => {
    exit = { exitCode: code ?? undefined, signal: code === null ? plainSignal(signal) : undefined };
    feed.stop();
    stdout.unblock();
    stderr.unblock();
    void leaveBackgroundBehind(shell, closed, () => stdout.received + stderr.received);
  });
  // A lost link drops what its reader has not taken yet.
  void shell.closed.then(() => {
    feed.stop();
    stdout.unblock();
    stderr.unblock();
  });
  void closed.then(conclude);

  const kill = async (killOptions: KillOptions = {}): Promise<void> => {
    if (isGone) return;
    const { pid, startTime } = identity;
    const known = exit ? 'gone' : startTime;
    const root = { pid, ...(known === undefined ? {} : { startTime: known }) };
    await killTree({ runId, roots: [root], ...killOptions });
    // Confirmed by the host itself; the channel may have been lost with the link.
    closeChannel(channel);
    await Promise.race([ended.promise, delay(closeLimitMs, undefined, { ref: false })]);
    isGone = true;
  };
  const terminate = (reason: Error): Promise<void> => {
    const fail = (error: unknown): void => {
      started.reject(error);
      stdout.end(error);
      stderr.end(error);
      outcome.reject(error);
    };
    termination ??= kill().then(
      () => fail(reason),
      (error: Error) => {
        const unconfirmed = new HostError('KILL_NOT_CONFIRMED', error.message, { cause: reason });
        fail(unconfirmed);
        // Nothing more is to be had from it.
        closeChannel(channel);
        throw unconfirmed;
      },
    );
    return termination;
  };
  // `exited` tells how that went.
  const endFor = (reason: Error): void => void terminate(reason).catch(() => undefined);

  const onStop = (): void => endFor(stopSignal.reason as Error);
  stopSignal.addEventListener('abort', onStop, { once: true });
  if (stopSignal.aborted) onStop();
  feed.done.catch((error: unknown) => {
    if (!exit) endFor(error instanceof Error ? error : new Error('The source of stdin failed', { cause: error }));
  });
  const settle = (): void => stopSignal.removeEventListener('abort', onStop);
  // Also what keeps a rejection that nobody waits for from ending this process.
  outcome.promise.then(settle, settle);

  try {
    await started.promise;
  } catch (error) {
    settle();
    throw error;
  }
  return {
    stdout: stdout.bytes,
    stderr: stderr.bytes,
    exited: outcome.promise,
    kill,
    terminate,
    [Symbol.asyncDispose]: () => kill(),
  };
}

/** Milliseconds to wait for the answer to a channel's closing: over a link that is only half there, none comes. */
const closeLimitMs = 2000;

/** Milliseconds after an exit in which a channel usually closes by itself. Only then is it looked into why it does not. */
const usualCloseMs = 20;

/** Answers of the server in a row that must bring no output before it counts as all there. */
const quietAnswers = 2;

/** What a process that was left behind and writes without end can make us take. */
const maxLeftBytes = 16 * 1024 * 1024;

/**
 * OpenSSH keeps a channel open while anything holds the command's output, say a process it left in the background. The
 * command's own output is all there when the server has answered twice and no byte came in between: at the exit it was in
 * pipes, which the server empties in every turn in which it answers.
 */
async function leaveBackgroundBehind(
  shell: LeasedShell,
  closed: Promise<unknown>,
  received: () => number,
): Promise<void> {
  let isClosed = false;
  void closed.then(() => (isClosed = true));
  await Promise.race([closed, delay(usualCloseMs)]);
  const atExit = received();
  for (let quiet = 0; quiet < quietAnswers && !isClosed && received() - atExit < maxLeftBytes; quiet += 1) {
    const before = received();
    await Promise.race([closed, shell.barrier()]);
    if (received() > before) quiet = -1;
  }
  if (!isClosed) closeChannel(shell.channel);
}

function failureOf(
  exit: ProcessExit | undefined,
  isLost: boolean,
  execComplaint: string | undefined,
  { command, description }: StartSshProcessOptions,
): HostError | undefined {
  if (exit && execComplaint !== undefined) {
    const detail = { detail: execComplaint };
    if (exit.exitCode === 127) return commandError('COMMAND_NOT_FOUND', description, command, detail);
    if (/permission denied/i.test(execComplaint))
      return commandError('PERMISSION_DENIED', description, command, detail);
    return commandError('SPAWN_FAILED', description, command, detail);
  }
  if (exit && !isLost) return undefined;
  const detail = { detail: 'the server closed its channel without telling an exit' };
  return commandError('CONNECTION_LOST', description, command, isLost ? {} : detail);
}

function launchError(report: Exclude<LaunchReport, 'go'>, options: StartSshProcessOptions): HostError {
  const { command, cwd = '', description } = options;
  switch (report) {
    case 'cwd':
      return cwdNotFoundError(description, command, cwd);
    case 'cwd-denied':
      return commandError('PERMISSION_DENIED', description, command, { detail: cwd });
    case 'missing':
      return commandError('COMMAND_NOT_FOUND', description, command);
    case 'denied':
      return commandError('PERMISSION_DENIED', description, command);
  }
}

function spawnFailed(complaint: string, { command, description }: StartSshProcessOptions): HostError {
  const detail = complaint === '' ? 'its shell ended without a word' : complaint.slice(0, 300);
  return commandError('SPAWN_FAILED', description, command, { detail });
}

/** SSH names some signals only; OpenSSH has a name of its own for the rest, and others may say anything. */
function plainSignal(signal: string | undefined): string {
  return signal !== undefined && Object.hasOwn(constants.signals, signal) ? signal : 'SIGUNKNOWN';
}
