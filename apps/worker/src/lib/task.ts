import type { FilesSource } from './files-source.ts';
import type { ApiLogin, JsonObject } from './model-settings.ts';
import type { TaskSource } from './sessions/task-record.ts';
import type { TaskFileError } from './task-file-problem.ts';
import type { FieldPath } from './yaml-source.ts';

/** A task as it is to be run: checked, its paths absolute, its secrets fetched. */
export interface TaskDefinition {
  /** Names the task: letters, digits, `.`, `_` and `-`. */
  readonly id: string;
  /** What the agent is to do. */
  readonly prompt: string;
  /** `provider/model`; `undefined` where the seed says it. */
  readonly model: string | undefined;
  /** Configuration of the agent's home (model and provider), kept in a seed. */
  readonly homeConfig: JsonObject | undefined;
  /** Configuration for this task alone. Holds no key. */
  readonly config: JsonObject | undefined;
  /** Secret. Logins by provider. */
  readonly login: Readonly<Record<string, ApiLogin>> | undefined;
  /** Name of the machine; `undefined` where the file does not say. */
  readonly host: string | undefined;
  /** Modules around the session, in order. Absolute paths. */
  readonly hooks: readonly string[];
  /** A directory's path is absolute here. */
  readonly files: FilesSource | undefined;
  /** Secret. Variables for the agent. */
  readonly env: Readonly<Record<string, string>> | undefined;
  /** Milliseconds; no limit when `undefined`. */
  readonly deadlineMs: number | undefined;
  /** The seed to start from. */
  readonly seedId: string | undefined;
  /** Whether login and model become a new seed, and how it is labelled. */
  readonly saveSeed: false | { readonly label: string | undefined };
  /** Absolute directory for what is delivered. */
  readonly outputDirectory: string;
  /** As in the task file; `auto` when `undefined`. */
  readonly confine: 'auto' | 'required' | 'off' | undefined;
}

/** A task that came out of a file. */
export interface Task extends TaskDefinition {
  /** What it was read from, to be read again for a resume. */
  readonly source: TaskSource;
  /** Says that a field is wrong, for what is found out later. */
  problemAt(field: FieldPath, message: string): TaskFileError;
}
