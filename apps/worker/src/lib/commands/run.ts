import { WorkerError, messageOf } from '../errors.ts';
import { newKeyNotice, openStore } from '../open-store.ts';
import { createReporter } from '../report/reporter.ts';
import type { TaskSummary } from '../report/reporter.ts';
import { checkLoadedTask, runLoadedTask } from '../run-loaded-task.ts';
import { loadTaskFile } from '../task-file.ts';
import type { CommandContext } from './context.ts';

/** What `optio run` can be told on the command line. */
export interface RunCommandOptions {
  readonly host?: string;
  readonly acceptNew?: boolean;
  readonly confine?: 'auto' | 'required' | 'off';
  readonly json?: boolean;
}

/** `optio run task.yaml`, as the command line calls it. */
export async function runTaskFile(
  [file = '']: readonly string[],
  options: RunCommandOptions,
  context: CommandContext,
): Promise<number> {
  return (await runCommand(file, options, context)).exitCode;
}

/** One task, from its file to its deliverables. */
export async function runCommand(
  file: string,
  options: RunCommandOptions,
  context: CommandContext,
): Promise<TaskSummary> {
  const { config, cwd, env, interrupts, places } = context;
  const task = await loadTaskFile(file, { cwd, env, config, now: new Date() });
  const hooks = await checkLoadedTask(task, context);

  const reporter = createReporter({ format: options.json === true ? 'json' : 'human', ...context });
  try {
    await using opened = await openStore(places);
    if (opened.isNew) reporter.note(newKeyNotice(places));
    const summary = await runLoadedTask(task, { ...options, context, hooks, opened, reporter });
    reporter.summary(summary);
    return summary;
  } catch (error) {
    if (!interrupts.abortSignal.aborted || error !== interrupts.abortSignal.reason) throw error;
    throw new WorkerError('INTERRUPTED', `${messageOf(error)} before the session began; nothing was started`, {
      cause: error,
    });
  } finally {
    reporter.close();
  }
}
