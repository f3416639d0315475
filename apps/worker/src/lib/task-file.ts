import { realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

import type { WorkerConfig } from './config/worker-config.ts';
import { readYamlFile } from './read-yaml-file.ts';
import type { YamlFile } from './read-yaml-file.ts';
import { schemaProblems } from './schema-problems.ts';
import { checkTask } from './task-checks.ts';
import { KNOWN_FIELDS, taskFileSchema } from './task-file-schema.ts';
import type { Task } from './task.ts';
import type { FieldPath } from './yaml-source.ts';

/** What a task file is read against. */
export interface LoadTaskFileOptions {
  /** The environment of the process, for `env:NAME` and `~`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute directory that `path` and the default output directory start from. */
  readonly cwd: string;
  /** For the default id. */
  readonly now: Date;
  /** What the worker's configuration names. @default nothing */
  readonly config?: Pick<WorkerConfig, 'keys' | 'hooks' | 'path'>;
}

/**
 * Reads and checks a task file, and fetches the secrets that it refers to. Nothing is started, written or connected to.
 * Throws a `TaskFileError` with every problem there is.
 */
export async function loadTaskFile(path: string, options: LoadTaskFileOptions): Promise<Task> {
  const absolutePath = resolve(options.cwd, path);
  const file = await readYamlFile(path, absolutePath, 'task');
  return taskOf(file, { ...options, path, directory: await realpath(dirname(absolutePath)) });
}

/** What the fields of a task file are checked against. */
interface TaskOfOptions extends LoadTaskFileOptions {
  /** As the user named it. */
  readonly path: string;
  /** Absolute directory that relative paths in it start from. */
  readonly directory: string;
  /** See `CheckTaskOptions`. @default 'file' */
  readonly origin?: 'file' | 'queue';
}

/** Checks what a task file says, and fetches its secrets. Throws a `TaskFileError` with every problem there is. */
async function taskOf(file: YamlFile, options: TaskOfOptions): Promise<Task> {
  const parsed = taskFileSchema.safeParse(file.value);
  const problems = parsed.success ? [] : schemaProblems(parsed.error.issues, fieldsAt);
  const task = await checkTask(file.value, {
    ...options,
    defaultName: basename(options.path).replace(/\.[^.]*$/, ''),
    problems,
  });
  if (problems.length > 0 || task === undefined) throw file.problemsAt(problems);
  return { ...task, problemAt: (field, message) => file.problemsAt([{ path: field, message }]) };
}

function fieldsAt(path: FieldPath): readonly string[] {
  return KNOWN_FIELDS[path.join('.')] ?? [];
}
