import { realpath } from 'node:fs/promises';

import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import type { OpencodeSession } from '@optio-ts/opencode-session';
import { loadLatestSnapshot } from '@optio-ts/seed-engine';

import type { CommandContext } from './commands/context.ts';
import { WorkerError, messageOf } from './errors.ts';
import { openTaskFiles } from './files/open-task-files.ts';
import type { TaskFiles } from './files/open-task-files.ts';
import { loadHooks } from './hooks.ts';
import type { HookModule } from './hooks.ts';
import { LOCAL_HOST, openHost } from './hosts/open-host.ts';
import type { OpenedStore } from './open-store.ts';
import { isInside } from './paths.ts';
import { isMongoUrl } from './places.ts';
import type { Reporter, TaskSummary } from './report/reporter.ts';
import { teeReporter } from './report/tee-reporter.ts';
import { runTask } from './run-task.ts';
import { createJournal } from './sessions/journal.ts';
import { refuseWhileAtWork } from './sessions/refuse-while-at-work.ts';
import { keepTaskBase } from './sessions/task-base.ts';
import { saveTaskRecord } from './sessions/task-record.ts';
import type { Task } from './task.ts';
import { traceTask } from './tracing/trace-task.ts';

/** What of a command's surroundings a task needs. */
export type TaskContext = Omit<CommandContext, 'stdout' | 'stderr'>;

/** What a task is run with beside what it says itself. */
export interface RunLoadedTaskOptions {
  readonly context: TaskContext;
  /** From `checkLoadedTask`. */
  readonly hooks: readonly HookModule[];
  readonly opened: OpenedStore;
  readonly reporter: Reporter;
  /** The machine. @default what the task says, else this one */
  readonly host?: string | undefined;
  readonly acceptNew?: boolean | undefined;
  readonly confine?: 'auto' | 'required' | 'off' | undefined;
  /** Go on where the last run of this task ended. @default false */
  readonly resume?: boolean | undefined;
  /** Said to the agent when it is sent to work. @default nothing */
  readonly message?: string | undefined;
  /** Only this machine and hosts of the configuration. @default also what ssh_config knows */
  readonly onlyConfigured?: boolean | undefined;
  /** How long its owner may be silent before another worker takes the session. @default a minute */
  readonly leaseMs?: number | undefined;
  /** Called when there is a session. @default not called */
  readonly onSession?: ((session: OpencodeSession) => void) | undefined;
}

/**
 * Checks what a file alone does not show, before anything is made: that the task's directories hold nothing of ours, and that its
 * hooks can be loaded, which are returned. Throws a `TaskFileError`.
 */
export async function checkLoadedTask(task: Task, context: TaskContext): Promise<readonly HookModule[]> {
  await refuseOwnPlaces(task, context);
  return openHooks(task);
}

/**
 * Runs a task that was loaded and checked: looks its seed up, fetches its files, opens its host, and runs it to its end. Throws for what was
 * wrong before there was a session: a `TaskFileError` for what its file says, else what the host, the store or `runTask` throws.
 */
export async function runLoadedTask(task: Task, options: RunLoadedTaskOptions): Promise<TaskSummary> {
  const { context } = options;
  const host = options.host ?? task.host ?? LOCAL_HOST;
  const tracer = traceTask(task, { host, how: options.resume === true ? 'resumed' : 'begun', context });
  if (tracer === undefined) return runTraced(task, { ...options, host });
  try {
    const summary = await runTraced(task, { ...options, host, reporter: teeReporter([options.reporter, tracer]) });
    tracer.summary(summary);
    return summary;
  } finally {
    tracer.close();
  }
}

async function runTraced(task: Task, options: RunLoadedTaskOptions & { readonly host: string }): Promise<TaskSummary> {
  const { context, hooks, opened, reporter } = options;
  const { config, env, interrupts } = context;
  await checkSeed(task, opened);
  // Nothing is connected by that: a name that is none is told before a repository is fetched.
  await using opening = await openHost(options.host, {
    config,
    env,
    abortSignal: interrupts.abortSignal,
    ...(options.acceptNew === true && { acceptNew: true }),
    ...(options.onlyConfigured === true && { onlyConfigured: true }),
  });
  const { machine } = config;
  const { description: host } = opening.host;
  await refuseWhileAtWork(opened, { taskId: task.id, host, hostName: opening.name, machine });
  // What it was given is in its directory, and may have been changed there since.
  const isResumed =
    options.resume === true && (await loadLatestSnapshot(opened.store, 'opencode', task.id)) !== undefined;
  await using files = isResumed ? undefined : await openFiles(task, context, (message) => reporter.step(message));
  for (const { path, reason } of files?.listed.skipped ?? []) reporter.warning(`files: left out ${path}: ${reason}`);
  const confine = options.confine ?? task.confine ?? opening.confine;
  const { outputDirectory, source } = task;
  const place = { host: opening.name, machine, outputDirectory };
  const record = { ...source, ...place, taskId: task.id, confine };
  const journal = createJournal({ ...opened, onFailure: (message) => reporter.warning(message) });
  let keeping: Promise<void> | undefined;
  const summary = await runTask({
    task: { ...task, confine },
    host: opening.host,
    hostName: opening.name,
    hooks,
    store: opened.store,
    cipher: opened.cipher,
    reporter: teeReporter([reporter, journal]),
    interrupts,
    resume: options.resume,
    message: options.message,
    leaseMs: options.leaseMs,
    onReady: async () => {
      await saveTaskRecord(opened, record, { isResumed });
      if (files !== undefined) keeping = keepBase(task.id, files, options);
    },
    onSession: (session) => {
      journal.begin(session.id);
      options.onSession?.(session);
    },
    ...(files === undefined ? {} : { files: files.files() }),
    taskRoot: context.taskRoot ?? opening.taskRoot,
    cacheDirectory: opening.cacheDirectory,
  });
  await keeping;
  journal.summary(summary);
  await journal.flush();
  return summary;
}

/** What the task begins with, for a patch later. A session does not wait for it, and goes on without. */
async function keepBase(taskId: string, files: TaskFiles, { opened, reporter }: RunLoadedTaskOptions): Promise<void> {
  try {
    await keepTaskBase(opened, taskId, files.files());
  } catch (error) {
    reporter.warning(`the files that the task began with are not kept for a patch: ${messageOf(error)}`);
  }
}

/**
 * A task whose `files` are, say, the home directory would hand the agent the store and the key to it; one whose `deliverables` go
 * there would let it replace them.
 */
async function refuseOwnPlaces(task: Task, context: TaskContext): Promise<void> {
  const outputDirectory = await realpath(task.outputDirectory).catch(() => task.outputDirectory);
  const { config, places } = context;
  const own = [
    places.identity,
    ...(isMongoUrl(places.store) ? [] : [places.store]),
    ...(config.isThere ? [config.path] : []),
  ];
  for (const path of own) {
    // What is not there yet, is made where it is named.
    const real = await realpath(path).catch(() => path);
    if (isInside(outputDirectory, real)) {
      throw task.problemAt(
        ['deliverables'],
        `holds ${path}, which a deliverable could replace; name another directory`,
      );
    }
    if (task.files?.kind === 'directory' && isInside(task.files.path, real)) {
      throw task.problemAt(['files'], `holds ${path}, which the agent must not get; name a smaller directory`);
    }
  }
}

async function openHooks(task: Task): Promise<readonly HookModule[]> {
  const { modules, problems } = await loadHooks(task.hooks);
  const [problem] = problems;
  if (problem !== undefined) throw task.problemAt(['hooks'], `${problem.path} ${problem.message}`);
  return modules;
}

/** Throws a `TaskFileError` for a seed that the store does not have. */
export async function checkSeed(task: Task, opened: Pick<OpenedStore, 'store' | 'cipher'>): Promise<void> {
  if (task.seedId === undefined || (await opencodeSeeds(opened).get(task.seedId)) !== undefined) return;
  throw task.problemAt(['seed'], `is not in the store; optio seeds ls shows what is`);
}

async function openFiles(
  task: Task,
  context: TaskContext,
  onStep: (message: string) => void,
): Promise<TaskFiles | undefined> {
  if (task.files === undefined) return undefined;
  onStep(task.files.kind === 'git' ? `fetching ${task.files.url}` : `reading ${task.files.path}`);
  const { abortSignal } = context.interrupts;
  try {
    // What earlier runs delivered is no input of this one.
    const exclude = [task.outputDirectory, context.outputRoot];
    return await openTaskFiles({ source: task.files, exclude, env: context.env, abortSignal });
  } catch (error) {
    if (WorkerError.is(error)) throw task.problemAt(['files'], error.message);
    throw error;
  }
}
