import { setTimeout as wait } from 'node:timers/promises';

import { getSessionDocument, listSessionDocuments } from '@optio-ts/seed-engine';
import type { SessionDocument, Store } from '@optio-ts/seed-engine';

import { WorkerError, messageOf } from '../errors.ts';
import type { WorkerErrorCode } from '../errors.ts';
import { exitCodeOf, exitCodeOfResult } from '../exit-code-of.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { OpenedStore } from '../open-store.ts';
import type { Reporter, TaskSummary } from '../report/reporter.ts';
import { checkLoadedTask, runLoadedTask } from '../run-loaded-task.ts';
import type { TaskContext } from '../run-loaded-task.ts';
import { recoverHere } from '../sessions/recover-here.ts';
import { TaskFileError } from '../task-file-problem.ts';
import { loadRecordedTask } from '../task-file.ts';
import type { Task } from '../task.ts';
import { beginAttempt, endQueuedTask, leaveToMachine, openQueuedTask } from './queued-task.ts';
import type { QueuedOutcome, QueuedTask } from './queued-task.ts';

/** Options of `workOnTask`. */
export interface WorkOnTaskOptions {
  readonly context: TaskContext;
  readonly opened: OpenedStore;
  readonly reporter: Reporter;
  /** The worker's name. */
  readonly worker: string;
  readonly leaseMs: number;
  /** Called with the task, whose secrets are known by then. @default not called */
  readonly onLoaded?: (task: Task) => void;
}

/** A task that takes its worker down each time is not tried for ever. */
const MOST_FALSE_STARTS = 5;

type Ending = Omit<QueuedOutcome, 'endedAt' | 'worker'>;

/**
 * Works on a task of the queue until it is over, and writes its end down once. A session that a dead worker left is taken up; only
 * one whose agent had not been told its task is replaced by another. A session that only another machine can take up is left to that
 * one's workers. Throws where the task must be given out again.
 */
export async function workOnTask(taskId: string, options: WorkOnTaskOptions): Promise<void> {
  const { opened, reporter, worker } = options;
  const task = await beginAttempt(opened.store, taskId);
  if (task === undefined) return;
  const left = await endOfLeftSession(task, options);
  if (typeof left === 'string') {
    reporter.note(`its session is on ${left} itself; it waits for a worker there`);
    return leaveToMachine(opened.store, task, left);
  }
  const ending = left ?? (await runFresh(task, options));
  const outcome = { ...ending, endedAt: new Date(), worker };
  if (!(await endQueuedTask(opened.store, task, outcome))) {
    reporter.note('another worker has the task by now, and says how it ended');
  }
}

/**
 * How the session ends, or has ended, that another worker began; `undefined` where there is none that counts; the name of the machine
 * whose workers alone can take it up.
 */
async function endOfLeftSession(task: QueuedTask, options: WorkOnTaskOptions): Promise<Ending | string | undefined> {
  const { context, leaseMs, opened, reporter } = options;
  for (;;) {
    context.interrupts.abortSignal.throwIfAborted();
    const session = await newestSession(opened.store, task);
    if (session === undefined) return undefined;
    if (session.state === 'ended') {
      const isToBegin = neverBegan(session) && (await countFalseStarts(opened.store, task)) < MOST_FALSE_STARTS;
      return isToBegin ? undefined : endingOf(session);
    }
    const how = { leaseMs, onlyConfigured: true, ...(options.onLoaded && { onLoaded: options.onLoaded }) };
    const recovered = await recoverHere(session, { context, opened, reporter, ...how });
    if (recovered.action === 'leave') {
      if (recovered.machine !== undefined) return recovered.machine;
      // Its worker may be dead, which shows when its lease is over.
      await wait(Math.min(leaseMs / 4, 5000), undefined, { signal: context.interrupts.abortSignal });
      continue;
    }
    reporter.summary(recovered.summary);
    await mustHaveEnded(opened.store, session.id);
  }
}

async function runFresh(task: QueuedTask, options: WorkOnTaskOptions): Promise<Ending> {
  const { context, leaseMs, opened, reporter } = options;
  const { config, cwd, env, outputRoot } = context;
  let summary: TaskSummary;
  try {
    const source = await openQueuedTask(opened, task.taskId);
    if (source === undefined) throw new WorkerError('NOT_FOUND', 'it is no longer in the queue');
    const { isResumed = false } = task;
    const loaded = await loadRecordedTask(source, { cwd, env, config, outputRoot, isResumed, now: new Date() });
    options.onLoaded?.(loaded);
    // The queue knows it by this name, whatever its file says by now.
    const named = { ...loaded, id: task.taskId, outputDirectory: `${outputRoot}/${task.taskId}` };
    const hooks = await checkLoadedTask(named, context);
    summary = await runLoadedTask(named, {
      context,
      hooks,
      opened,
      reporter,
      leaseMs,
      onlyConfigured: true,
      resume: isResumed,
      message: source.added?.at(-1),
    });
  } catch (error) {
    context.interrupts.abortSignal.throwIfAborted();
    const isRefusal = error instanceof TaskFileError || (WorkerError.is(error) && !PASSING.has(error.code));
    const exitCode = exitCodeOf(error);
    if (!isRefusal && exitCode !== EXIT_CODES.host) throw error;
    const message = messageOf(error).split('\n').join('; ');
    reporter.warning(`refused: ${message}`);
    return { state: isRefusal ? 'refused' : 'failed', message, exitCode };
  }
  reporter.summary(summary);
  if (summary.sessionId !== undefined) await mustHaveEnded(opened.store, summary.sessionId);
  const other = await newestSession(opened.store, task, summary.sessionId);
  // A worker that was paused, and had it first.
  if (other !== undefined && other.state !== 'ended')
    throw new Error(`session ${other.id} works on task ${task.taskId} as well`);
  const { exitCode, message, sessionId, state } = summary;
  return {
    state,
    exitCode,
    ...(message === undefined ? {} : { message }),
    ...(sessionId === undefined ? {} : { sessionId }),
  };
}

/** What is no fault of the task: a store that is away, and another worker that was faster. */
const PASSING: ReadonlySet<WorkerErrorCode> = new Set(['STORE_UNREACHABLE', 'TASK_AT_WORK']);

/** A session that this worker has lost is ended by whoever has it. */
async function mustHaveEnded(store: Store, sessionId: string): Promise<void> {
  const session = await getSessionDocument(store, sessionId);
  if (session === undefined || session.state === 'ended') return;
  throw new Error(`session ${sessionId} goes on with another worker`);
}

async function newestSession(store: Store, task: QueuedTask, except?: string): Promise<SessionDocument | undefined> {
  for await (const session of listSessionDocuments(store, { taskId: task.taskId })) {
    if (session.id === task.after) return undefined;
    if (session.id !== except) return session;
  }
  return undefined;
}

/**
 * Whether its worker died before the agent was told its task, which it is once its server is known to the document. A session that
 * another worker took over (its fencing number tells) ends so only then.
 */
function neverBegan({ details, outcome, owner }: SessionDocument): boolean {
  return outcome?.state !== 'cancelled' && owner.fencing > 1 && details?.['supervisedId'] === undefined;
}

async function countFalseStarts(store: Store, task: QueuedTask): Promise<number> {
  let count = 0;
  for await (const session of listSessionDocuments(store, { taskId: task.taskId })) {
    if (session.id === task.after) break;
    if (session.state === 'ended' && neverBegan(session)) count += 1;
  }
  return count;
}

function endingOf({ id, outcome }: SessionDocument): Ending {
  const state = (['done', 'failed', 'cancelled', 'lost'] as const).find((known) => known === outcome?.state) ?? 'lost';
  return {
    state,
    sessionId: id,
    exitCode: exitCodeOfResult({ state, reason: outcome?.reason ?? '' }),
    ...(outcome?.message === undefined ? {} : { message: outcome.message }),
  };
}
