import { open, realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

import { formatPath, schemaProblems } from './schema-problems.ts';
import { reasonOf } from './secret-reference.ts';
import { checkTask } from './task-checks.ts';
import { TaskFileError } from './task-file-problem.ts';
import type { TaskFileProblem } from './task-file-problem.ts';
import { KNOWN_FIELDS, taskFileSchema } from './task-file-schema.ts';
import type { Task } from './task.ts';
import { readYaml } from './yaml-source.ts';
import type { FieldPath } from './yaml-source.ts';

/** What a task file is read against. */
export interface LoadTaskFileOptions {
  /** The environment of the process, for `env:NAME` and `~`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute directory that `path` and the default output directory start from. */
  readonly cwd: string;
  /** For the default id. */
  readonly now: Date;
}

const MAX_TASK_FILE_BYTES = 1024 * 1024;

/**
 * Reads and checks a task file, and fetches the secrets that it refers to. Nothing is started, written or connected to.
 * Throws a `TaskFileError` with every problem there is.
 */
export async function loadTaskFile(path: string, options: LoadTaskFileOptions): Promise<Task> {
  const absolutePath = resolve(options.cwd, path);
  const source = readYaml(await readText(path, absolutePath));
  const problemAt = (field: FieldPath, message: string): TaskFileProblem => ({
    file: path,
    line: source.lineOf(field),
    field: formatPath(field),
    message,
  });
  if (source.problems.length > 0) {
    throw new TaskFileError(source.problems.map((problem) => ({ file: path, ...problem })));
  }

  const parsed = taskFileSchema.safeParse(source.value);
  const problems = parsed.success ? [] : schemaProblems(parsed.error.issues, fieldsAt);
  const task = await checkTask(source.value, {
    ...options,
    defaultName: basename(path).replace(/\.[^.]*$/, ''),
    directory: await realpath(dirname(absolutePath)),
    problems,
  });
  if (problems.length > 0 || task === undefined) {
    throw new TaskFileError(problems.map((problem) => problemAt(problem.path, problem.message)));
  }
  return { ...task, problemAt: (field, message) => new TaskFileError([problemAt(field, message)]) };
}

function fieldsAt(path: FieldPath): readonly string[] {
  return KNOWN_FIELDS[path.join('.')] ?? [];
}

async function readText(path: string, absolutePath: string): Promise<string> {
  const refuse = (message: string): TaskFileError => new TaskFileError([{ file: path, line: 1, field: '', message }]);
  let bytes: Buffer;
  try {
    await using file = await open(absolutePath);
    const stat = await file.stat();
    if (!stat.isFile()) throw refuse('is not a file');
    if (stat.size > MAX_TASK_FILE_BYTES) throw refuse('is larger than 1 MiB, too much for a task file');
    bytes = await file.readFile();
  } catch (error) {
    throw error instanceof TaskFileError ? error : refuse(`cannot be read: ${reasonOf(error)}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // The decoder says no more than that.
    throw refuse('is not UTF-8 text');
  }
}
