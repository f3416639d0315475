import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

import manifest from '../../package.json' with { type: 'json' };
import type { CommandContext } from './commands/context.ts';
import type { RunCommandOptions } from './commands/run.ts';
import type { ListSeedsOptions } from './commands/seeds.ts';
import { messageOf } from './errors.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { INTERRUPT_EXIT_CODES, listenForInterrupts } from './interrupts.ts';
import type { Interrupts } from './interrupts.ts';
import { defaultPlaces } from './places.ts';
import { printableText } from './printable.ts';
import { TaskFileError } from './task-file-problem.ts';

// Longer than `runTask` gives a forced end.
const FORCED_EXIT_MS = 12_000;

/** The process that a command line runs in. */
export interface CliProcess {
  /** Without the program's own two. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Runs one command line and returns its exit code; errors are printed, one line each. */
export async function runCli(cli: CliProcess): Promise<number> {
  const { env, stderr, stdout } = cli;
  // A reader that went away (`| head`, a closed terminal) must not take a running task with it.
  for (const stream of [stdout, stderr]) stream.on('error', ignoreLostReader);
  using interrupts = listenForInterrupts({ source: process, now: () => performance.now() });
  let exitCode: number = EXIT_CODES.done;
  exitWhenForced(interrupts);

  function contextOf(options: { readonly store?: string }): CommandContext {
    const cwd = process.cwd();
    const places = defaultPlaces({ env, home: homedir() });
    return {
      cwd,
      env,
      interrupts,
      places: options.store === undefined ? places : { ...places, store: resolve(cwd, options.store) },
      outputRoot: join(cwd, 'optio-out'),
      stdout,
      stderr,
    };
  }

  const program = new Command('optio')
    .description('Runs coding agents as managed tasks.')
    .version(manifest.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      // Printed below, on one line.
      writeErr: () => {},
    });
  const storeOption = (): Option => new Option('--store <path>', 'SQLite store to use').argParser(storePath);

  program
    .command('run')
    .description('run one task and save what it delivers')
    .argument('<task.yaml>', 'the task file')
    .option('--json', 'one JSON object per line on stdout')
    .addOption(new Option('--confine <mode>', "the agent's view of the machine").choices(['auto', 'required', 'off']))
    .addOption(storeOption())
    .action(async (file: string, options: RunCommandOptions & { readonly store?: string }) => {
      // Loaded when it is asked for: help and a slip of the pen need nothing of it.
      const { runCommand } = await import('./commands/run.ts');
      ({ exitCode } = await runCommand(file, options, contextOf(options)));
    });

  program
    .command('seeds')
    .description('logins and models that sessions can start from')
    .command('ls')
    .description('list them, newest first')
    .option('--json', 'one JSON object per line on stdout')
    .addOption(storeOption())
    .action(async (options: ListSeedsOptions & { readonly store?: string }) => {
      const { listSeedsCommand } = await import('./commands/seeds.ts');
      exitCode = await listSeedsCommand(options, contextOf(options));
    });

  try {
    await program.parseAsync(cli.args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_CODES.done;
      const message = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
      stderr.write(
        `optio: ${message === '(outputHelp)' ? 'name a command; optio --help lists them' : printableText(message)}\n`,
      );
      return EXIT_CODES.usage;
    }
    const { exitCodeOf } = await import('./exit-code-of.ts');
    const code = exitCodeOf(error);
    stderr.write(`${printableText(errorText(error, code))}\n`);
    return code;
  }
}

/** One line, but for a task file, whose every mistake has its own, and for a defect, which is for its finder to report. */
export function errorText(error: unknown, code: number): string {
  if (error instanceof TaskFileError) return error.message;
  const isDefect = code === EXIT_CODES.defect && error instanceof Error && error.stack !== undefined;
  return isDefect ? `optio: a defect of optio: ${error.stack}` : `optio: ${messageOf(error)}`;
}

/** Ends the process when nothing is left to do, or, after a second Ctrl-C, at once: what is still under way was given up. */
export function exitWith(exitCode: number): void {
  if (exitCode > 128) process.exit(exitCode);
  process.exitCode = exitCode;
}

/** After a second Ctrl-C nothing may keep this process, whatever its clean-up waits for. */
export function exitWhenForced(interrupts: Interrupts): void {
  void interrupts.forced.then((signal) => {
    setTimeout(() => process.exit(INTERRUPT_EXIT_CODES[signal]), FORCED_EXIT_MS).unref();
  });
}

function storePath(value: string): string {
  if (/^[a-z][a-z0-9+]*:\/\//i.test(value)) throw new InvalidArgumentError('It must be the path of a file.');
  return value;
}

function ignoreLostReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
}
