import { detach } from '../detach.ts';
import { WorkerError, messageOf } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { secretsOf } from '../log/redactor.ts';
import { newKeyNotice, openStore, rehearse } from '../open-store.ts';
import { printableJson } from '../printable.ts';
import { createReporter } from '../report/reporter.ts';
import type { TaskSummary } from '../report/reporter.ts';
import { checkLoadedTask, checkSeed, runLoadedTask } from '../run-loaded-task.ts';
import type { RunLoadedTaskOptions } from '../run-loaded-task.ts';
import { refuseWhileAtWork } from '../sessions/refuse-while-at-work.ts';
import { loadTaskFile } from '../task-file.ts';
import type { Task } from '../task.ts';
import type { CommandContext } from './context.ts';

/** What commands that run a task can be told on the command line. */
export interface RunCommandOptions {
  readonly host?: string;
  readonly seed?: string;
  readonly acceptNew?: boolean;
  readonly confine?: 'auto' | 'required' | 'off';
  readonly json?: boolean;
  readonly detach?: boolean;
  /** This is the process in the background that a `--detach` started. */
  readonly background?: boolean;
}

/** `optio run task.yaml`, as the command line calls it. */
export async function runTaskFile(
  [file = '']: readonly string[],
  options: RunCommandOptions,
  context: CommandContext,
): Promise<number> {
  if (options.detach !== true) return (await runCommand(file, options, context)).exitCode;
  return detachCommand(await loadTask(file, options, context), options, context);
}

/** One task, from its file to its deliverables. */
export async function runCommand(
  file: string,
  options: RunCommandOptions,
  context: CommandContext,
): Promise<TaskSummary> {
  return runTaskHere(await loadTask(file, options, context), options, context);
}

/** Runs a task in this process, and shows how it goes. */
export async function runTaskHere(
  task: Task,
  options: RunCommandOptions & Pick<RunLoadedTaskOptions, 'message' | 'resume'>,
  context: CommandContext,
): Promise<TaskSummary> {
  const { interrupts, places } = context;
  context.onSecrets?.(secretsOf(task));
  const hooks = await checkLoadedTask(task, context);
  await rehearse(places, (empty) => checkSeed(task, empty));
  const reporter = createReporter({ format: options.json === true ? 'json' : 'human', ...context });
  try {
    await using opened = await openStore(places);
    if (opened.isNew) reporter.note(newKeyNotice(places));
    const summary = await runLoadedTask(task, {
      ...options,
      context,
      hooks,
      opened,
      reporter,
      ...(options.background === true && { onSession: ({ id }) => tellParent({ sessionId: id, taskId: task.id }) }),
    });
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

/** Runs a task in a process of its own that goes on when this one ends. All that can be checked before is checked here. */
export async function detachCommand(task: Task, options: RunCommandOptions, context: CommandContext): Promise<number> {
  const { places, stderr, stdout } = context;
  await checkLoadedTask(task, context);
  await rehearse(places, (empty) => checkSeed(task, empty));
  {
    await using opened = await openStore(places);
    if (opened.isNew) stderr.write(`${newKeyNotice(places)}\n`);
    await checkSeed(task, opened);
    await refuseWhileAtWork(opened, { taskId: task.id, machine: context.config.machine });
  }
  const started = await detach({ name: task.id, directory: places.logs, abortSignal: context.interrupts.abortSignal });
  if (options.json === true) stdout.write(`${printableJson({ type: 'detached', ...started })}\n`);
  else {
    stdout.write(`${started.sessionId}\n`);
    stderr.write(`runs in the background; optio attach ${started.sessionId} watches it\n`);
  }
  return EXIT_CODES.done;
}

async function loadTask(file: string, { seed }: RunCommandOptions, context: CommandContext): Promise<Task> {
  const { config, cwd, env } = context;
  return loadTaskFile(file, { cwd, env, config, seed, now: new Date() });
}

function tellParent(message: { readonly sessionId: string; readonly taskId: string }): void {
  process.send?.(message);
  process.disconnect?.();
}
