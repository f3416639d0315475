import { createId } from '@optio-ts/seed-engine';

import { messageOf } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Interrupts } from '../interrupts.ts';
import type { WorkMetrics } from '../log/metrics.ts';
import { openWorkLog } from '../log/open-work-log.ts';
import { secretsOf } from '../log/redactor.ts';
import { surroundingSecrets } from '../log/surrounding-secrets.ts';
import { openStore } from '../open-store.ts';
import type { TaskQueue } from '../queue/agenda-queue.ts';
import { refuseWithoutQueue, startWorkerOf } from '../queue/open-queue-of.ts';
import { listQueuedTasks } from '../queue/queued-task.ts';
import { workOnTask } from '../queue/work-on-task.ts';
import { teeReporter } from '../report/tee-reporter.ts';
import { keepPruned } from '../sessions/keep-pruned.ts';
import type { CommandContext } from './context.ts';

/** What `optio work` can be told. */
export interface WorkOptions {
  readonly json?: boolean;
  /** How it logs. */
  readonly log?: 'plain' | 'json';
  /** Port of this machine to serve figures for Prometheus at. */
  readonly metrics?: number;
  readonly jobs?: number;
  readonly lease?: number;
  readonly name?: string;
  /** End when the queue is empty. */
  readonly drain?: boolean;
}

const LEASE_MS = 60_000;

/**
 * `optio work`: takes tasks from the queue until it is told to stop. The first Ctrl-C takes no more and waits for those at work; the
 * second one ends at once, and leaves the sessions, whose agents go on, to another worker.
 */
export async function workCommand(
  _args: readonly string[],
  options: WorkOptions,
  context: CommandContext,
): Promise<number> {
  refuseWithoutQueue(context);
  const { config, interrupts, places } = context;
  const { jobs = 1, lease: leaseMs = LEASE_MS, name = `${config.machine}-${createId().slice(-8)}` } = options;
  await using opened = await openStore(places);
  const own = { ...context, interrupts: neverInterrupted(), outputRoot: config.deliverables ?? context.outputRoot };
  const log = openWorkLog(name, options, context);
  log.redactor.add(await surroundingSecrets(context));
  const metrics = options.metrics === undefined ? undefined : await openMetrics(name, options.metrics);
  await using _metrics = metrics;
  await using queue = await startWorkerOf(context, {
    name,
    machine: config.machine,
    concurrency: jobs,
    leaseMs,
    everyMs: Math.min(2000, leaseMs / 2),
    onError: log.error,
    work: (taskId) =>
      workOnTask(taskId, {
        context: own,
        opened,
        reporter: teeReporter([log.reporterFor(taskId), ...(metrics === undefined ? [] : [metrics.reporter()])]),
        worker: name,
        leaseMs,
        onLoaded: (task) => log.redactor.add(secretsOf(task)),
      }),
  });
  log.info(`worker ${name} takes tasks from ${opened.store.description}`);
  // A task whose worker died between two steps may be in the queue without anybody being called for it.
  const pushAll = (): Promise<number> => pushWaiting(queue, opened.store, config.machine);
  const again = setInterval(() => void pushAll().catch((error: unknown) => log.error(messageOf(error))), leaseMs);
  const stopped = Promise.withResolvers<void>();
  const onStop = (): void => {
    log.info('takes no more tasks, and waits for those at work; again ends at once and leaves them to another worker');
    stopped.resolve();
  };
  if (interrupts.abortSignal.aborted) onStop();
  else interrupts.abortSignal.addEventListener('abort', onStop, { once: true });
  using _pruning = keepPruned(opened.store, context, log);
  await pushAll();
  if (options.drain === true) void untilEmpty(pushAll, stopped.promise).then(stopped.resolve, stopped.reject);
  try {
    await stopped.promise;
  } finally {
    clearInterval(again);
  }
  await queue.drain();
  return EXIT_CODES.done;
}

/** Loaded by whoever wants it. */
async function openMetrics(worker: string, port: number): Promise<AsyncDisposable & Pick<WorkMetrics, 'reporter'>> {
  const { createMetrics, serveMetrics } = await import('../log/metrics.ts');
  const metrics = createMetrics(worker);
  const served = await serveMetrics(metrics, port);
  return { reporter: () => metrics.reporter(), [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() };
}

/** Returns how many of them a worker of this machine may get. */
async function pushWaiting(
  queue: TaskQueue,
  store: Parameters<typeof listQueuedTasks>[0],
  here: string,
): Promise<number> {
  let count = 0;
  for await (const task of listQueuedTasks(store, 'queued')) {
    await queue.push(task);
    if (task.machine === undefined || task.machine === here) count += 1;
  }
  return count;
}

const LOOK_MS = 1000;

async function untilEmpty(look: () => Promise<number>, stopped: Promise<void>): Promise<void> {
  let isStopped = false;
  void stopped.then(() => (isStopped = true));
  while (!isStopped && (await look()) > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

/** The sessions of a worker are not ended by its own end. */
function neverInterrupted(): Interrupts {
  const { promise } = Promise.withResolvers<never>();
  return { abortSignal: new AbortController().signal, first: undefined, forced: promise, [Symbol.dispose]() {} };
}
