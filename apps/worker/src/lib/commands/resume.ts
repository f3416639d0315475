import { join } from 'node:path';

import { withStore } from '../open-store.ts';
import { findSession } from '../sessions/find-session.ts';
import { loadResumable } from '../sessions/load-resumable.ts';
import { loadRecordedTask, loadTaskFile } from '../task-file.ts';
import type { Task } from '../task.ts';
import type { CommandContext } from './context.ts';
import { detachCommand, runTaskHere } from './run.ts';
import type { RunCommandOptions } from './run.ts';

/** What `optio resume` can be told. */
export interface ResumeCommandOptions extends RunCommandOptions {
  /** What is new: said to the agent, and part of its task from then on. */
  readonly message?: string;
  /** A task file to be read in the place of the one that was kept. */
  readonly task?: string;
}

/** `optio resume <task>`: goes on where the last run of a task ended, here or on another machine. */
export async function resumeCommand(
  [name = '']: readonly string[],
  options: ResumeCommandOptions,
  context: CommandContext,
): Promise<number> {
  const { host, task } = await findTask(name, options, context);
  const where = { ...options, host: options.host ?? host };
  return options.detach === true
    ? detachCommand(task, where, context)
    : (await runTaskHere(task, { ...where, resume: true }, context)).exitCode;
}

/** The task of a session or by its name, checked anew: its keys are fetched again. */
async function findTask(
  name: string,
  options: ResumeCommandOptions,
  context: CommandContext,
): Promise<{ readonly host: string; readonly task: Task }> {
  const record = await withStore(context, async (opened) =>
    loadResumable(opened, await findSession(opened.store, name)),
  );
  const { config, cwd, env, outputRoot } = context;
  const { message, task: file } = options;
  const how = { cwd, env, config, isResumed: true, now: new Date(), added: message === undefined ? [] : [message] };
  const { outputDirectory, taskId } = record;
  if (file === undefined) {
    const added = [...(record.added ?? []), ...how.added];
    const task = await loadRecordedTask({ ...record, added }, how);
    // What it was given by default the first time stays.
    return { host: record.host, task: { ...task, id: taskId, outputDirectory } };
  }
  const task = await loadTaskFile(file, how);
  const isDefault = task.outputDirectory === join(outputRoot, task.id);
  const own = { id: taskId, ...(isDefault && { outputDirectory }) };
  return { host: task.host ?? record.host, task: { ...task, ...own } };
}
