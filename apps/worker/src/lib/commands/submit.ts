import { setTimeout as wait } from 'node:timers/promises';

import { loadLatestSnapshot } from '@optio-ts/seed-engine';

import { WorkerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { openStore } from '../open-store.ts';
import { formatMinute, printFacts, printList } from '../output.ts';
import { openQueueOf, refuseWithoutQueue } from '../queue/open-queue-of.ts';
import { beginAttempt, endQueuedTask, getQueuedTask, insertQueuedTask, listQueuedTasks } from '../queue/queued-task.ts';
import type { QueuedTask } from '../queue/queued-task.ts';
import { checkSeed } from '../run-loaded-task.ts';
import { loadTaskFile } from '../task-file.ts';
import { untilInterrupted } from '../until-interrupted.ts';
import type { CommandContext } from './context.ts';

/** What `optio submit` can be told. */
export interface SubmitOptions {
  readonly json?: boolean;
  readonly seed?: string;
  /** Go on where the last run of the task ended. */
  readonly resume?: boolean;
  /** What is new: said to the agent, and part of its task from then on. */
  readonly message?: string;
  readonly wait?: boolean;
}

const LOOK_MS = 1000;

/** `optio submit <task.yaml>`: puts a task into the queue of the store, for a worker to take. */
export async function submitCommand(
  [file = '']: readonly string[],
  options: SubmitOptions,
  context: CommandContext,
): Promise<number> {
  const { config, cwd, env, interrupts, places } = context;
  const { message, resume: isResumed = false, seed } = options;
  refuseWithoutQueue(context);
  if (message !== undefined && !isResumed) {
    throw new WorkerError('REFUSED', '-m is for --resume, of a task that has ended');
  }
  const added = message === undefined ? [] : [message];
  const how = { cwd, env, config, seed, isResumed, added, now: new Date() };
  const task = await loadTaskFile(file, { ...how, purpose: 'submit' });
  await using queue = await openQueueOf(context);
  await using opened = await openStore(places);
  await checkSeed(task, opened);
  if (isResumed && (await loadLatestSnapshot(opened.store, 'opencode', task.id)) === undefined) {
    throw new WorkerError(
      'NOT_FOUND',
      `there is no snapshot of task ${task.id} to go on from; submit it without --resume`,
    );
  }
  await insertQueuedTask(opened, task.id, task.source, { isResumed });
  await queue.push({ taskId: task.id });
  if (options.wait !== true) {
    printFacts(
      context,
      { type: 'submitted', taskId: task.id },
      { json: options.json, facts: [['submitted', task.id]] },
    );
    return EXIT_CODES.done;
  }
  for (;;) {
    const queued = await getQueuedTask(opened.store, task.id);
    if (queued === undefined) throw new WorkerError('NOT_FOUND', `task ${task.id} was removed from the queue`);
    if (queued.outcome !== undefined) {
      printList(context, [queued].map(publicOf), { json: options.json, columns });
      return queued.outcome.exitCode;
    }
    const { abortSignal } = interrupts;
    await untilInterrupted(
      wait(LOOK_MS, undefined, { signal: abortSignal }),
      abortSignal,
      `task ${task.id} stays in the queue; optio queue rm ${task.id} takes it out`,
    );
  }
}

/** What `optio queue ls` can be told. */
export interface ListQueueOptions {
  readonly json?: boolean;
  readonly all?: boolean;
}

/** `optio queue ls`: tasks that wait or are being worked on, oldest first. */
export async function listQueueCommand(
  _args: readonly string[],
  { all, json }: ListQueueOptions,
  context: CommandContext,
): Promise<number> {
  refuseWithoutQueue(context);
  await using opened = await openStore(context.places);
  const tasks = [];
  for await (const task of listQueuedTasks(opened.store, all === true ? undefined : 'queued'))
    tasks.push(publicOf(task));
  printList(context, tasks, { json, isCut: true, columns });
  if (tasks.length === 0 && json !== true) context.stderr.write('The queue is empty.\n');
  return EXIT_CODES.done;
}

/** `optio queue rm <task>`: takes a task out of the queue that no worker has begun, or that waits for a machine. */
export async function removeQueuedCommand(
  [taskId = '']: readonly string[],
  { json }: { readonly json?: boolean },
  context: CommandContext,
): Promise<number> {
  refuseWithoutQueue(context);
  await using opened = await openStore(context.places);
  const queued = await getQueuedTask(opened.store, taskId);
  if (queued === undefined || queued.state === 'ended') {
    throw new WorkerError(
      'NOT_FOUND',
      `there is no task ${JSON.stringify(taskId)} in the queue; optio queue ls shows what there is`,
    );
  }
  const begun = new WorkerError('REFUSED', `a worker has begun with task ${taskId}; optio cancel ${taskId} ends it`);
  if (queued.attempt > 0 && queued.machine === undefined) throw begun;
  // As a worker would: of the two, one is first.
  const own = await beginAttempt(opened.store, taskId);
  if (own === undefined || own.attempt !== queued.attempt + 1) throw begun;
  const outcome = {
    state: 'cancelled',
    exitCode: EXIT_CODES.cancelled,
    endedAt: new Date(),
    worker: 'optio queue rm',
  } as const;
  await endQueuedTask(opened.store, own, outcome);
  printFacts(context, { type: 'removed', taskId }, { json, facts: [['removed', taskId]] });
  return EXIT_CODES.done;
}

function publicOf(task: QueuedTask) {
  return { type: 'queued-task' as const, ...task };
}

function columns({ attempt, machine, outcome, state, submittedAt, taskId }: QueuedTask): readonly string[] {
  const begun = machine === undefined ? 'at work' : `left on ${machine}`;
  const status = outcome?.state ?? (state === 'queued' && attempt > 0 ? begun : 'waiting');
  return [taskId, status, formatMinute(submittedAt), outcome?.sessionId ?? '', outcome?.message ?? ''];
}
