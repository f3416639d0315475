import { join } from 'node:path';

import { CommanderError } from 'commander';

import manifest from '../../package.json' with { type: 'json' };
import { buildProgram } from './command-line/build-program.ts';
import type { Call } from './command-line/build-program.ts';
import { COMMANDS, GROUPS } from './command-line/commands.ts';
import { findPlaces } from './command-line/find-places.ts';
import { messageOf } from './errors.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { INTERRUPT_EXIT_CODES, listenForInterrupts } from './interrupts.ts';
import type { Interrupts } from './interrupts.ts';
import { printableLine, printableText } from './printable.ts';
import { reasonOf } from './secret-reference.ts';
import { TaskFileError } from './task-file-problem.ts';
import type { Tracing } from './tracing/open-tracing.ts';
import { tracingSettings } from './tracing/tracing-settings.ts';

// Longer than `runTask` gives a forced end.
const FORCED_EXIT_MS = 12_000;

/** An error's message is one line; this much of it is shown. */
const MAX_MESSAGE_LENGTH = 2000;

/** The process that a command line runs in. */
export interface CliProcess {
  /** Without the program's own two. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** Absolute home directory of the user. */
  readonly home: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Runs one command line and returns its exit code; errors are printed, one line each. */
export async function runCli(cli: CliProcess): Promise<number> {
  const { stderr, stdout } = cli;
  // A reader that went away (`| head`, a closed terminal), or a full disk, must not take a running task with it.
  let unwritten: NodeJS.ErrnoException | undefined;
  stderr.on('error', throwUnlessOfSystem);
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    throwUnlessOfSystem(error);
    if (!LOST_READER.has(error.code ?? '')) unwritten ??= error;
  });
  const code = await runCommandLine(cli);
  // A stream says what went wrong after the call that wrote to it.
  await new Promise(setImmediate);
  if (unwritten === undefined) return code;
  stderr.write(`optio: cannot write to stdout: ${reasonOf(unwritten)}\n`);
  return code === EXIT_CODES.done ? EXIT_CODES.failed : code;
}

async function runCommandLine(cli: CliProcess): Promise<number> {
  const { stderr, stdout } = cli;
  using interrupts = listenForInterrupts({ source: process, now: () => performance.now() });
  try {
    const [first, ...words] = cli.args;
    if (first === '__complete') {
      const { answerShell } = await import('./completion/answer-shell.ts');
      stdout.write(await answerShell(words, () => findPlaces({ ...cli, store: undefined, config: undefined })));
      return EXIT_CODES.done;
    }
    const call = readCommandLine(cli);
    if (call === undefined) return EXIT_CODES.done;
    exitWhenForced(interrupts, call.spec.endsSession === true ? FORCED_EXIT_MS : 0);
    return await runCall(call, cli, interrupts);
  } catch (error) {
    if (error instanceof CommanderError) {
      stderr.write(`optio: ${printableLine(usageText(error, cli.args), MAX_MESSAGE_LENGTH)}\n`);
      return EXIT_CODES.usage;
    }
    const { exitCodeOf } = await import('./exit-code-of.ts');
    const code = interrupts.abortSignal.aborted ? EXIT_CODES.cancelled : exitCodeOf(error);
    stderr.write(`${errorText(error, code)}\n`);
    return code;
  }
}

/** What was called; `undefined` where help or the version were asked for, which have been printed. Throws a `CommanderError`. */
function readCommandLine({ args, stdout }: CliProcess): Call | undefined {
  let call: Call | undefined;
  const program = buildProgram({
    commands: COMMANDS,
    groups: GROUPS,
    version: manifest.version,
    onCall: (called) => {
      call = called;
    },
  });
  const output = {
    writeOut: (text: string) => stdout.write(text),
    // Printed on one line, when it is caught.
    writeErr: () => {},
  };
  for (const command of [program, ...program.commands, ...program.commands.flatMap((child) => child.commands)]) {
    command.configureOutput(output);
  }
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    throw error;
  }
  return call;
}

async function runCall(call: Call, cli: CliProcess, interrupts: Interrupts): Promise<number> {
  const { cwd, env, home, stderr, stdout } = cli;
  const { store, config: configPath } = call.options as { readonly store?: string; readonly config?: string };
  const found = await findPlaces({ cwd, env, home, store, config: configPath });
  const onSecrets = isBackground(call) ? await hideSecrets(cli, found) : undefined;
  const tracing = call.spec.runsTasks === true ? await openTracing(cli) : undefined;
  const action = await call.spec.load();
  try {
    return await action(call.args, call.options as never, {
      ...found,
      ...(onSecrets && { onSecrets }),
      ...(tracing && { tracing }),
      cwd,
      home,
      env,
      interrupts,
      outputRoot: join(cwd, 'optio-out'),
      stdout,
      stderr,
    });
  } finally {
    if (tracing !== undefined) await Promise.race([tracing.end(), interrupts.forced]);
  }
}

/** Spans of tasks, where the variables of OpenTelemetry ask for them. What is wrong with them is told, and no reason to do nothing. */
async function openTracing({ env, stderr }: CliProcess): Promise<Tracing | undefined> {
  const { isOn, note } = tracingSettings(env);
  const say = (message: string): void => {
    stderr.write(`optio: OpenTelemetry: ${printableLine(message, MAX_MESSAGE_LENGTH)}\n`);
  };
  if (note !== undefined) say(note);
  if (!isOn) return undefined;
  const tracing = await import('./tracing/open-tracing.ts');
  try {
    return tracing.openTracing({
      env,
      version: manifest.version,
      onFailure: (message) => say(`no spans sent: ${message}`),
    });
  } catch (error) {
    say(`no spans are sent: ${messageOf(error)}`);
    return undefined;
  }
}

/** Of `--detach`: what it prints is kept in a file. */
function isBackground({ options }: Call): boolean {
  return options['background'] === true;
}

/** Takes secrets out of all that this process prints: those around it now, and those that it is told of later. */
async function hideSecrets(
  { env, stderr, stdout }: CliProcess,
  found: Awaited<ReturnType<typeof findPlaces>>,
): Promise<(secrets: readonly string[]) => void> {
  const { createRedactor } = await import('./log/redactor.ts');
  const { redactStream } = await import('./log/redact-stream.ts');
  const { surroundingSecrets } = await import('./log/surrounding-secrets.ts');
  const redactor = createRedactor();
  redactor.add(await surroundingSecrets({ ...found, env }));
  for (const stream of [stdout, stderr]) redactStream(stream, redactor);
  return (secrets) => redactor.add(secrets);
}

function usageText(error: CommanderError, args: readonly string[]): string {
  // What was typed is repeated there, and may be a URL with a password.
  const message = error.message.replace(/^error: /, '').replaceAll(/(:\/\/[^/@:\s]*:)[^@\s]*@/g, '$1…@');
  if (message === '(outputHelp)') {
    const group = GROUPS.find(({ path }) => path === args[0]);
    return `name a command; optio ${group === undefined ? '' : `${group.path} `}--help lists them`;
  }
  const isMisplaced = error.code === 'commander.unknownOption' && args[0]?.startsWith('-') === true;
  return isMisplaced ? `${message}; options follow the command, as in optio ls --json` : message;
}

/** One line, but for a task file, whose every mistake has its own, and for a defect, which is for its finder to report. */
export function errorText(error: unknown, code: number): string {
  if (error instanceof TaskFileError) return printableText(error.message);
  const isDefect = code === EXIT_CODES.defect && error instanceof Error && error.stack !== undefined;
  return isDefect
    ? `optio: a defect of optio: ${printableText(error.stack ?? '')}`
    : `optio: ${printableLine(messageOf(error), MAX_MESSAGE_LENGTH)}`;
}

/** Ends the process when nothing is left to do, or, after a second Ctrl-C, at once: what is still under way was given up. */
export function exitWith(exitCode: number): void {
  if (exitCode > 128) process.exit(exitCode);
  process.exitCode = exitCode;
}

/** After a second Ctrl-C nothing may keep this process, whatever its clean-up waits for. */
export function exitWhenForced(interrupts: Interrupts, afterMs: number = FORCED_EXIT_MS): void {
  void interrupts.forced.then((signal) => {
    setTimeout(() => process.exit(INTERRUPT_EXIT_CODES[signal]), afterMs).unref();
  });
}

const LOST_READER: ReadonlySet<string> = new Set(['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED']);

function throwUnlessOfSystem(error: NodeJS.ErrnoException): void {
  if (error.code === undefined) throw error;
}
