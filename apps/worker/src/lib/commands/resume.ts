import { withStore } from '../open-store.ts';
import { findSession } from '../sessions/find-session.ts';
import { loadResumable } from '../sessions/load-resumable.ts';
import { loadRecordedTask } from '../task-file.ts';
import type { Task } from '../task.ts';
import type { CommandContext } from './context.ts';
import { detachCommand, runTaskHere } from './run.ts';
import type { RunCommandOptions } from './run.ts';

/** `optio resume <task>`: goes on where the last run of a task ended, here or on another machine. */
export async function resumeCommand(
  [name = '']: readonly string[],
  options: RunCommandOptions,
  context: CommandContext,
): Promise<number> {
  const { host, task } = await findTask(name, context);
  const where = { ...options, host: options.host ?? host };
  return options.detach === true
    ? detachCommand(task, where, context)
    : (await runTaskHere(task, { ...where, resume: true }, context)).exitCode;
}

/** The task of a session or by its name, checked anew: its keys are fetched again. */
async function findTask(
  name: string,
  context: CommandContext,
): Promise<{ readonly host: string; readonly task: Task }> {
  const record = await withStore(context, async (opened) =>
    loadResumable(opened, await findSession(opened.store, name)),
  );
  const { config, cwd, env } = context;
  const task = await loadRecordedTask(record, { cwd, env, config, now: new Date() });
  // What it was given by default the first time stays.
  return { host: record.host, task: { ...task, id: record.taskId, outputDirectory: record.outputDirectory } };
}
