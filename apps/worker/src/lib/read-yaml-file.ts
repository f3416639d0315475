import { open } from 'node:fs/promises';

import { formatPath } from './schema-problems.ts';
import { reasonOf } from './secret-reference.ts';
import { TaskFileError } from './task-file-problem.ts';
import type { YamlFileKind } from './task-file-problem.ts';
import { readYaml } from './yaml-source.ts';
import type { FieldPath } from './yaml-source.ts';

/** A YAML file that can be read. */
export interface YamlFile {
  readonly text: string;
  readonly value: unknown;
  /** The error for problems of its fields, each with its line. */
  problemsAt(problems: readonly { readonly path: FieldPath; readonly message: string }[]): TaskFileError;
}

const MAX_BYTES = 1024 * 1024;

/** Reads one YAML document of plain data. `path` is how the user named it. Throws a `TaskFileError`. */
export async function readYamlFile(path: string, absolutePath: string, kind: YamlFileKind): Promise<YamlFile> {
  return parseYamlFile(path, await readText(path, absolutePath, kind), kind);
}

/** The same for a text that was read before. */
export function parseYamlFile(path: string, text: string, kind: YamlFileKind): YamlFile {
  const source = readYaml(text);
  if (source.problems.length > 0) {
    throw new TaskFileError(
      source.problems.map((problem) => ({ file: path, ...problem })),
      kind,
    );
  }
  return {
    text,
    value: source.value,
    problemsAt: (problems) =>
      new TaskFileError(
        problems.map((problem) => ({
          file: path,
          line: source.lineOf(problem.path),
          field: formatPath(problem.path),
          message: problem.message,
        })),
        kind,
      ),
  };
}

async function readText(path: string, absolutePath: string, kind: YamlFileKind): Promise<string> {
  const refuse = (message: string): TaskFileError =>
    new TaskFileError([{ file: path, line: 1, field: '', message }], kind);
  let bytes: Buffer;
  try {
    await using file = await open(absolutePath);
    const stat = await file.stat();
    if (!stat.isFile()) throw refuse('is not a file');
    if (stat.size > MAX_BYTES) {
      throw refuse(`is larger than 1 MiB, too much for a ${kind === 'task' ? 'task file' : 'configuration'}`);
    }
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
