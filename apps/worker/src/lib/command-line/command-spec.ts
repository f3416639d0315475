import type { CommandContext } from '../commands/context.ts';

/** What a shell can offer for an argument or the value of an option. */
export type Completion = 'file' | 'directory' | 'host' | 'seed' | 'session' | 'snapshot';

/** One argument of a command. */
interface ArgumentSpec {
  /** As help shows it: `<task.yaml>` is required, `[name]` is not, `<id...>` is one or more. */
  readonly name: string;
  readonly summary: string;
  readonly completes?: Completion;
}

/** One option of a command. */
export interface OptionSpec {
  /** As help shows it: `--json`, `-f, --follow`, `--host <name>`. */
  readonly flags: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  /** Reads the value; throws commander's `InvalidArgumentError` for one that is wrong. */
  readonly parse?: (value: string) => unknown;
  readonly completes?: Completion;
  /** The option may be given again, and its value is a list. */
  readonly isList?: boolean;
  /** For optio itself: not in help, not in the README. */
  readonly isHidden?: boolean;
}

/** Runs a command and returns its exit code. Each command knows the type of its own options. */
type CommandAction = (args: readonly string[], options: never, context: CommandContext) => Promise<number>;

/** One command: what help, the README's table and completion say of it, and what it does. */
export interface CommandSpec {
  /** Words after `optio`: `run`, `seeds ls`. */
  readonly path: string;
  readonly summary: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Loads the code when it is asked for: help and a slip of the pen need nothing of it. */
  readonly load: () => Promise<CommandAction>;
  readonly isHidden?: boolean;
  /** Has a session to end: a second Ctrl-C gives it some seconds. @default it is left at once */
  readonly endsSession?: boolean;
  /** Runs tasks, whose steps become spans where somebody wants them. @default it does not */
  readonly runsTasks?: boolean;
}

/** A word that several commands begin with. */
export interface GroupSpec {
  readonly path: string;
  readonly summary: string;
}
