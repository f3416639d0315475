import { createRedactor, secretsOf } from '../log/redactor.ts';
import type { Reporter } from '../report/reporter.ts';
import type { TaskContext } from '../run-loaded-task.ts';
import type { TaskDefinition } from '../task.ts';

/** What is to be said of a task in its trace. */
export interface TraceTaskOptions {
  /** As the user names it. */
  readonly host: string;
  /** How it came to this worker. */
  readonly how: 'begun' | 'resumed' | 'recovered';
  readonly context: Pick<TaskContext, 'tracing'>;
}

/** Begins the trace of a task; `undefined` where nobody wants one. */
export function traceTask(
  task: Pick<TaskDefinition, 'id'> & Partial<Pick<TaskDefinition, 'env' | 'login'>>,
  { context, host, how }: TraceTaskOptions,
): Reporter | undefined {
  if (context.tracing === undefined) return undefined;
  const redactor = createRedactor();
  redactor.add(secretsOf(task));
  return context.tracing.taskReporter({
    attributes: { 'optio.task.id': task.id, 'optio.host': host, 'optio.start': how },
    redact: (text) => redactor.redact(text),
  });
}
