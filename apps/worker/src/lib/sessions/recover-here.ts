import { join } from 'node:path';

import { recoverOpencodeSessions } from '@optio-ts/opencode-session';
import type { OpencodeSession } from '@optio-ts/opencode-session';
import type { SessionDocument } from '@optio-ts/seed-engine';

import { driveSession } from '../drive-session.ts';
import { messageOf } from '../errors.ts';
import { joinHooks } from '../hooks.ts';
import type { HookModule } from '../hooks.ts';
import { LOCAL_HOST, openHost } from '../hosts/open-host.ts';
import type { OpenedStore } from '../open-store.ts';
import type { Reporter, TaskSummary } from '../report/reporter.ts';
import { teeReporter } from '../report/tee-reporter.ts';
import { checkLoadedTask } from '../run-loaded-task.ts';
import type { TaskContext } from '../run-loaded-task.ts';
import { openOutput } from '../session-output.ts';
import { loadRecordedTask } from '../task-file.ts';
import type { Task } from '../task.ts';
import { traceTask } from '../tracing/trace-task.ts';
import { createJournal } from './journal.ts';
import { loadTaskRecord } from './task-record.ts';
import type { TaskRecord } from './task-record.ts';

/** Options of `recoverHere`. */
export interface RecoverHereOptions {
  readonly context: TaskContext;
  readonly opened: OpenedStore;
  readonly reporter: Reporter;
  /** Only hosts of the configuration. @default also what ssh_config knows */
  readonly onlyConfigured?: boolean;
  readonly leaseMs?: number | undefined;
  /** Called with the task, where it can be read again. @default not called */
  readonly onLoaded?: (task: Task) => void;
  /** Called when the session is taken up. @default not called */
  readonly onSession?: (session: OpencodeSession, place: SessionPlace) => void;
}

/** Where a session runs and delivers to. */
export interface SessionPlace {
  /** As the configuration names it. */
  readonly host: string;
  /** Absolute, on this machine. */
  readonly outputDirectory: string;
}

/** What became of a session that had no worker. */
export type RecoveredHere =
  | {
      readonly action: 'leave';
      readonly reason: string;
      /** The machine that it runs on, where nobody else can take it up. */
      readonly machine?: string;
    }
  | { readonly action: 'adopt' | 'finish' | 'forget'; readonly summary: TaskSummary };

/** Takes up a session that no worker has any more, and goes on with it until it is over. One that another worker has is left. */
export async function recoverHere(session: SessionDocument, options: RecoverHereOptions): Promise<RecoveredHere> {
  const { context, leaseMs, opened } = options;
  const { config, env, interrupts, outputRoot } = context;
  // Nothing is made, loaded or written down for a session that is none of ours.
  if (session.state === 'ended') return { action: 'leave', reason: 'it has ended' };
  if (session.owner.leaseExpiresAt > new Date()) {
    return { action: 'leave', reason: `its worker holds it until ${session.owner.leaseExpiresAt.toISOString()}` };
  }
  const record = await loadTaskRecord(opened, session.taskId);
  const name = record?.host ?? LOCAL_HOST;
  if (name === LOCAL_HOST && record !== undefined && record.machine !== config.machine) {
    const { machine } = record;
    return { action: 'leave', reason: `it runs on ${machine} itself; a worker there takes it up`, machine };
  }
  await using opening = await openHost(name, {
    config,
    env,
    abortSignal: interrupts.abortSignal,
    ...(options.onlyConfigured === true && { onlyConfigured: true }),
  });
  const journal = createJournal({ ...opened, onFailure: (message) => options.reporter.warning(message) });
  const { hooks, task } = await reloadTask(record, { ...options, reporter: teeReporter([options.reporter, journal]) });
  const tracer = traceTask({ ...task, id: session.taskId }, { host: name, how: 'recovered', context });
  const reporter = teeReporter([options.reporter, journal, ...(tracer === undefined ? [] : [tracer])]);
  const output = await openOutput(record?.outputDirectory ?? join(outputRoot, session.taskId));
  const [found] = await recoverOpencodeSessions({
    ...opened,
    sessionIds: [session.id],
    hostFor: () => (opening.host.description === session.host ? opening.host : undefined),
    optionsFor: () => ({
      hooks: joinHooks([output.hooks, ...hooks]),
      ...(opening.cacheDirectory === undefined ? {} : { cacheDirectory: opening.cacheDirectory }),
    }),
    ...(leaseMs === undefined ? {} : { leaseMs }),
    abortSignal: interrupts.abortSignal,
  });
  if (found === undefined) return { action: 'leave', reason: 'there is no such session' };
  if (found.action === 'leave') return found;
  journal.begin(session.id);
  options.onSession?.(found.session, { host: name, outputDirectory: output.writer.directory });
  reporter.note(NOTES[found.action]);
  const { store } = opened;
  const summary = await driveSession(found.session, { store, output, reporter, interrupts, hostName: name, hooks });
  journal.summary(summary);
  tracer?.summary(summary);
  await journal.flush();
  return { action: found.action, summary };
}

const NOTES = {
  adopt: 'its worker was gone; it is followed again from here',
  finish: 'its worker and its agent were gone; it is ended from what they left',
  forget: 'its worker was gone, and nothing of it is left to be kept',
} as const;

/** The task and its hooks. A hook that cannot be loaded any more is no reason to lose the session. */
async function reloadTask(
  record: TaskRecord | undefined,
  { context, onLoaded, reporter }: RecoverHereOptions,
): Promise<{ readonly task?: Task; readonly hooks: readonly HookModule[] }> {
  if (record === undefined) return { hooks: [] };
  let task: Task | undefined;
  try {
    const { config, cwd, env } = context;
    task = await loadRecordedTask(record, { cwd, env, config, now: new Date() });
    onLoaded?.(task);
    return { task, hooks: await checkLoadedTask(task, context) };
  } catch (error) {
    reporter.warning(`its hooks are not called: ${messageOf(error).split('\n')[0]}`);
    return { hooks: [], ...(task && { task }) };
  }
}
