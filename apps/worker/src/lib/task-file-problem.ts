import { WorkerError } from './errors.ts';

/** One thing that is wrong with a task file, or with the worker's configuration. */
export interface TaskFileProblem {
  /** As the user named it. */
  readonly file: string;
  /** 1 for the first line. */
  readonly line: number;
  /** Dotted, as `model.apiKey`; empty for the file as a whole. */
  readonly field: string;
  /** What is wrong and what to do. Never holds the value of a field. */
  readonly message: string;
}

/** What a YAML file is for. */
export type YamlFileKind = 'task' | 'config';

/** A task file or configuration that cannot be used, with every problem found. `TASK_FILE_INVALID` or `CONFIG_INVALID`. */
export class TaskFileError extends WorkerError {
  /** In the order of their lines. */
  readonly problems: readonly TaskFileProblem[];

  static {
    this.prototype.name = 'TaskFileError';
  }

  constructor(problems: readonly TaskFileProblem[], kind: YamlFileKind = 'task') {
    const sorted = problems.toSorted((a, b) => a.line - b.line);
    super(kind === 'task' ? 'TASK_FILE_INVALID' : 'CONFIG_INVALID', sorted.map(formatProblem).join('\n'));
    this.problems = sorted;
  }
}

/** One line: `task.yaml:12: model.apiKey: is missing: …`. */
function formatProblem(problem: TaskFileProblem): string {
  const field = problem.field === '' ? '' : ` ${problem.field}:`;
  return `${problem.file}:${problem.line}:${field} ${problem.message}`;
}
