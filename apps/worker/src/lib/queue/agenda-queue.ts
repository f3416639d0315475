import { MongoBackend } from '@agendajs/mongo-backend';
import { Agenda } from 'agenda';
import type { Job } from 'agenda';
import { MongoServerError } from 'mongodb';
import type { Db } from 'mongodb';

import { messageOf } from '../errors.ts';

/** What stands in a job: the task's name, and nothing that could be acted upon. */
interface JobData {
  readonly taskId: string;
}

const JOB = 'optio task';
const COLLECTION = 'optio_worker_jobs';

/** Jobs that only workers of a machine take. */
function jobOn(machine: string): string {
  return `${JOB} on ${machine}`;
}

/** Where tasks wait for workers. */
export interface TaskQueue extends AsyncDisposable {
  /** Sees to it that a worker is called for a task, where `machine` is given one of that machine. Idempotent. */
  push(task: { readonly taskId: string; readonly machine?: string }): Promise<void>;
}

/** Options of `openQueue`. */
export interface OpenQueueOptions {
  readonly db: Db;
  readonly onError: (message: string) => void;
}

/** Opens the queue to put tasks into it. */
export async function openQueue(options: OpenQueueOptions): Promise<TaskQueue> {
  const agenda = await createAgenda(options, {});
  return {
    push: (task) => push(agenda, task),
    [Symbol.asyncDispose]: () => agenda.stop(false),
  };
}

/** Options of `startQueueWorker`. */
export interface StartQueueWorkerOptions extends OpenQueueOptions {
  /** For the record of who has a task. */
  readonly name: string;
  /** What this machine is called. */
  readonly machine: string;
  /** Tasks at the same time. */
  readonly concurrency: number;
  /** How long a worker may be silent before another gets its tasks. */
  readonly leaseMs: number;
  /** How often to look. */
  readonly everyMs: number;
  /** Works on a task until it is over. What it throws is told, and the task is given out again. */
  readonly work: (taskId: string) => Promise<void>;
}

/** A worker that takes tasks out of the queue. */
export interface QueueWorker extends TaskQueue {
  /** Takes no more; resolves when those that it has are over. */
  drain(): Promise<void>;
}

/** Starts to take tasks. A task whose worker has not been heard of for `leaseMs` is given to another. */
export async function startQueueWorker(options: StartQueueWorkerOptions): Promise<QueueWorker> {
  const { concurrency, everyMs, leaseMs, machine, name, onError, work } = options;
  const agenda = await createAgenda(options, {
    name,
    processEvery: everyMs,
    maxConcurrency: concurrency,
    // No more than it works on: others would wait for a worker that is busy.
    lockLimit: concurrency,
    defaultLockLifetime: leaseMs,
  });
  for (const job of [jobOn(machine), JOB]) {
    agenda.define<JobData>(
      job,
      // Of the two kinds of functions that it takes, the one that returns a promise.
      // eslint-disable-next-line typescript/no-misused-promises
      async (job) => {
        using _ = keepLock(job, leaseMs, onError);
        try {
          await work(String(job.attrs.data?.taskId));
        } catch (error) {
          onError(messageOf(error));
          // Given out again; a job with a time to come is not removed.
          job.attrs.nextRunAt = new Date(Date.now() + leaseMs);
        }
      },
      { concurrency, lockLimit: concurrency, lockLifetime: leaseMs, removeOnComplete: true },
    );
  }
  await agenda.start();
  return {
    push: (task) => push(agenda, task),
    async drain() {
      await agenda.drain({ closeConnection: false });
    },
    [Symbol.asyncDispose]: () => agenda.stop(false),
  };
}

async function createAgenda(
  options: OpenQueueOptions,
  settings: Partial<ConstructorParameters<typeof Agenda>[0]>,
): Promise<Agenda> {
  const { db, onError } = options;
  const agenda = new Agenda({ ...settings, backend: new MongoBackend({ mongo: db, collection: COLLECTION }) });
  // An emitter without a listener would end the process.
  agenda.on('error', (error) => onError(messageOf(error)));
  await agenda.ready;
  // Two that push the same task at once would make two jobs of it.
  await options.db.collection(COLLECTION).createIndex({ 'data.taskId': 1 }, { unique: true }, {});
  return agenda;
}

async function push(
  agenda: Agenda,
  { machine, taskId }: { readonly taskId: string; readonly machine?: string },
): Promise<void> {
  const job = agenda.create<JobData>(machine === undefined ? JOB : jobOn(machine), { taskId });
  job.unique({ 'data.taskId': taskId }, { insertOnly: true });
  job.schedule(new Date());
  try {
    await job.save();
  } catch (error) {
    // Somebody else was faster.
    if (!(error instanceof MongoServerError) || error.code !== 11_000) throw error;
  }
}

/** Says that the job is being worked on, as long as it is. */
function keepLock(job: Job<JobData>, leaseMs: number, onError: (message: string) => void): Disposable {
  const timer = setInterval(() => {
    job.touch().catch((error: unknown) => onError(messageOf(error)));
  }, leaseMs / 4);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
