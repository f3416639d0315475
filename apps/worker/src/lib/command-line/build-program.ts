import { Command, InvalidArgumentError, Option } from 'commander';

import type { CommandSpec, GroupSpec, OptionSpec } from './command-spec.ts';

/** A command that was named on the command line, with what it was given. */
export interface Call {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** What `buildProgram` makes a program of. */
export interface BuildProgramOptions {
  readonly commands: readonly CommandSpec[];
  readonly groups: readonly GroupSpec[];
  readonly version: string;
  readonly onCall: (call: Call) => void;
}

/** Makes commander's program out of the list of commands. Nothing is printed and nothing runs: errors are thrown. */
export function buildProgram({ commands, groups, onCall, version }: BuildProgramOptions): Command {
  const program = new Command('optio').description('Runs coding agents as managed tasks.').version(version);
  const parents = new Map<string, Command>([['', program]]);
  // A group stands in help where its first command does.
  const parentOf = (path: string): Command => {
    const known = parents.get(path);
    if (known !== undefined) return known;
    const summary = groups.find((group) => group.path === path)?.summary ?? '';
    const group = program.command(path).description(summary);
    parents.set(path, group);
    return group;
  };
  for (const spec of commands) {
    const words = spec.path.split(' ');
    const name = words.pop() ?? '';
    const command = new Command(name).description(spec.summary);
    for (const { name: argument, summary } of spec.arguments ?? []) {
      command.argument(argument, summary, argument.includes('...') ? oneMore : notEmpty);
    }
    for (const option of spec.options ?? []) command.addOption(optionOf(option));
    command.action((...parameters: unknown[]) => {
      const options = parameters.at(-2) as Readonly<Record<string, unknown>>;
      const args = parameters
        .slice(0, -2)
        .flat()
        .filter((value): value is string => value !== undefined);
      onCall({ spec, args, options });
    });
    parentOf(words.join(' ')).addCommand(command, { hidden: spec.isHidden === true });
  }
  for (const command of [program, ...[...parents.values()].flatMap((parent) => parent.commands)]) {
    command.exitOverride().helpCommand(command === program);
  }
  return program;
}

function optionOf(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.summary);
  if (spec.choices !== undefined) option.choices([...spec.choices]);
  else if (spec.parse !== undefined) option.argParser(spec.parse);
  else if (spec.isList === true) option.argParser(oneMore);
  else if (spec.flags.includes('<')) option.argParser(notEmpty);
  return spec.isHidden === true ? option.hideHelp() : option;
}

/** A variable of the shell that is not set leaves such a word behind. */
function notEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('It must not be empty.');
  return value;
}

function oneMore(value: string, before: unknown): string[] {
  return [...((before as string[] | undefined) ?? []), notEmpty(value)];
}
