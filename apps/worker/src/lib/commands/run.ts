import { realpath } from 'node:fs/promises';

import { opencodeSeeds } from '@optio-ts/opencode-seeds';

import { WorkerError, messageOf } from '../errors.ts';
import { openTaskFiles } from '../files/open-task-files.ts';
import type { TaskFiles } from '../files/open-task-files.ts';
import { loadHooks } from '../hooks.ts';
import type { HookModule } from '../hooks.ts';
import { LOCAL_HOST, openHost } from '../hosts/open-host.ts';
import { newKeyNotice, openStore } from '../open-store.ts';
import type { OpenedStore } from '../open-store.ts';
import { isInside } from '../paths.ts';
import { isMongoUrl } from '../places.ts';
import { createReporter } from '../report/reporter.ts';
import type { TaskSummary } from '../report/reporter.ts';
import { runTask } from '../run-task.ts';
import { loadTaskFile } from '../task-file.ts';
import type { Task } from '../task.ts';
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
  await refuseOwnPlaces(task, context);
  const hooks = await openHooks(task);

  const reporter = createReporter({ format: options.json === true ? 'json' : 'human', ...context });
  try {
    await using opened = await openStore(places);
    if (opened.isNew) reporter.note(newKeyNotice(places));
    await checkSeed(task, opened);
    await using files = await openFiles(task, context, (message) => reporter.step(message));
    for (const { path, reason } of files?.listed.skipped ?? []) reporter.warning(`files: left out ${path}: ${reason}`);
    await using opening = await openHost(options.host ?? task.host ?? LOCAL_HOST, {
      config,
      env,
      abortSignal: interrupts.abortSignal,
      ...(options.acceptNew === true && { acceptNew: true }),
    });
    const summary = await runTask({
      task: { ...task, confine: options.confine ?? task.confine ?? opening.confine },
      host: opening.host,
      hooks,
      store: opened.store,
      cipher: opened.cipher,
      reporter,
      interrupts,
      ...(files === undefined ? {} : { files: files.files() }),
      taskRoot: context.taskRoot ?? opening.taskRoot,
      cacheDirectory: opening.cacheDirectory,
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

/**
 * A task whose `files` are, say, the home directory would hand the agent the store and the key to it; one whose `deliverables` go
 * there would let it replace them.
 */
async function refuseOwnPlaces(task: Task, context: CommandContext): Promise<void> {
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

async function checkSeed(task: Task, opened: OpenedStore): Promise<void> {
  if (task.seedId === undefined || (await opencodeSeeds(opened).get(task.seedId)) !== undefined) return;
  throw task.problemAt(['seed'], `is not in the store; optio seeds ls shows what is`);
}

async function openFiles(
  task: Task,
  context: CommandContext,
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
