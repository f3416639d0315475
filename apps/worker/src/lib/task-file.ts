import { realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

import type { WorkerConfig } from './config/worker-config.ts';
import { parseYamlFile, readYamlFile } from './read-yaml-file.ts';
import type { YamlFile } from './read-yaml-file.ts';
import { schemaProblems } from './schema-problems.ts';
import type { TaskSource } from './sessions/task-record.ts';
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
  /** Absolute directory for default output directories. @default `optio-out` in `cwd` */
  readonly outputRoot?: string;
  /** `submit`: the file goes into a queue, see `CheckTaskOptions`. @default 'file' */
  readonly purpose?: 'submit';
  /** The task goes on in the directory that it had: its `files` need not be there any more. @default false */
  readonly isResumed?: boolean;
  /** The seed to start from, whatever the file says. @default the file's */
  readonly seed?: string | undefined;
  /** What is to be done beside what the file says: part of the task from now on. @default nothing */
  readonly added?: readonly string[] | undefined;
}

/**
 * Reads and checks a task file, and fetches the secrets that it refers to. Nothing is started, written or connected to.
 * Throws a `TaskFileError` with every problem there is.
 */
export async function loadTaskFile(path: string, options: LoadTaskFileOptions): Promise<Task> {
  const absolutePath = resolve(options.cwd, path);
  const file = await readYamlFile(path, absolutePath, 'task');
  const origin = options.purpose ?? 'file';
  return taskOf(file, { ...options, path, origin, directory: await realpath(dirname(absolutePath)) });
}

/** What was kept of a task, or what came out of a queue, checked again as a task file is. */
export async function loadRecordedTask(record: TaskSource, options: LoadTaskFileOptions): Promise<Task> {
  const { added, directory, origin, path, seed, text } = record;
  return taskOf(parseYamlFile(path, text, 'task'), { ...options, path, directory, origin, seed, added });
}

/** What the fields of a task file are checked against. */
interface TaskOfOptions extends LoadTaskFileOptions {
  /** As the user named it. */
  readonly path: string;
  /** Absolute directory that relative paths in it start from. */
  readonly directory: string;
  /** See `CheckTaskOptions`. @default 'file' */
  readonly origin?: 'file' | 'queue' | 'submit';
}

/** Checks what a task file says, and fetches its secrets. Throws a `TaskFileError` with every problem there is. */
async function taskOf(file: YamlFile, options: TaskOfOptions): Promise<Task> {
  const value = withSeed(file.value, options.seed);
  const parsed = taskFileSchema.safeParse(value);
  const problems = parsed.success ? [] : schemaProblems(parsed.error.issues, fieldsAt);
  const task = await checkTask(value, {
    ...options,
    defaultName: basename(options.path).replace(/\.[^.]*$/, ''),
    problems,
  });
  if (problems.length > 0 || task === undefined) throw file.problemsAt(problems);
  const { added = [], directory, origin = 'file', path, seed } = options;
  return {
    ...task,
    prompt: withAdded(task.prompt, added),
    source: {
      text: file.text,
      path,
      directory,
      origin: origin === 'file' ? 'file' : 'queue',
      ...(seed !== undefined && { seed }),
      ...(added.length > 0 && { added }),
    },
    problemAt: (field, message) => file.problemsAt([{ path: field, message }]),
  };
}

/** The words of a task with what came later: whoever reads them anew, after a pause, finds all of it. */
function withAdded(prompt: string, added: readonly string[]): string {
  return [
    prompt,
    ...added.map((text) => `Added later, when what stands above may have been done already:\n\n${text}`),
  ].join('\n\n');
}

function withSeed(value: unknown, seed: string | undefined): unknown {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  return seed === undefined || !isMap ? value : { ...value, seed };
}

function fieldsAt(path: FieldPath): readonly string[] {
  return KNOWN_FIELDS[path.join('.')] ?? [];
}
