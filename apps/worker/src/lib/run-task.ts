import type { AgentSessionHooks } from '@optio-ts/agents-session';
import type { Host, HostFile } from '@optio-ts/host-core';
import { startOpencodeSession } from '@optio-ts/opencode-session';
import type { OpencodeSession, StartOpencodeSessionOptions } from '@optio-ts/opencode-session';
import type { Cipher, Store } from '@optio-ts/seed-engine';

import { openDeliverableWriter } from './deliverable-writer.ts';
import type { DeliverableWriter } from './deliverable-writer.ts';
import { messageOf } from './errors.ts';
import { exitCodeOfResult } from './exit-code-of.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { joinHooks } from './hooks.ts';
import type { HookModule } from './hooks.ts';
import { INTERRUPT_EXIT_CODES } from './interrupts.ts';
import type { Interrupts } from './interrupts.ts';
import type { Reporter, TaskSummary } from './report/reporter.ts';
import { watchCancel } from './sessions/watch-cancel.ts';
import type { TaskDefinition } from './task.ts';

/** Options of `runTask`. */
export interface RunTaskOptions {
  readonly task: TaskDefinition;
  readonly host: Host;
  readonly store: Store;
  readonly cipher: Cipher;
  /** What the agent finds in its working directory. @default nothing */
  readonly files?: Iterable<HostFile>;
  readonly reporter: Reporter;
  readonly interrupts: Interrupts;
  /** Code around the session. @default none */
  readonly hooks?: readonly HookModule[];
  /** Go on where the last run of this task ended. @default false */
  readonly resume?: boolean | undefined;
  /** Called when all is checked, right before the session starts. @default not called */
  readonly onReady?: (() => Promise<void>) | undefined;
  /** Called when there is a session. @default not called */
  readonly onSession?: ((session: OpencodeSession) => void) | undefined;
  /** Absolute directory below which task directories are made. @default the host's own, see `openWorkspace` */
  readonly taskRoot?: string | undefined;
  /** Absolute directory on the host for opencode. @default see `ensureOpencode` */
  readonly cacheDirectory?: string | undefined;
}

/** How long a forced end may take before the process goes without knowing. */
const FORCED_END_MS = 10_000;

/**
 * Runs one task to its end: shows how it goes, saves what it delivers, and ends it when somebody presses Ctrl-C (once: in good
 * order; twice: at once). The summary is returned, not yet shown. Throws only for what went wrong before there was a session.
 */
export async function runTask(options: RunTaskOptions): Promise<TaskSummary> {
  const { interrupts, reporter, task } = options;
  const startedAt = performance.now();
  const writer = await openDeliverableWriter(task.outputDirectory);
  const unsaved = new Set<string>();
  interrupts.abortSignal.throwIfAborted();
  await options.onReady?.();
  const session = await startOpencodeSession(sessionOptions(options, writer, unsaved));
  options.onSession?.(session);

  using _ = onAbort(interrupts.abortSignal, () => {
    reporter.note('ending the session in good order; press Ctrl-C again to end it at once');
    // Its outcome is that of `session.result`, which is waited for below.
    void session.cancel(`interrupted by ${interrupts.first ?? 'a signal'}`).catch(() => {});
  });
  using _watch = watchCancel(options.store, session);
  const summaryOf = (ending: Pick<TaskSummary, 'state' | 'message' | 'exitCode' | 'seedId'>): TaskSummary => ({
    ...ending,
    taskId: task.id,
    sessionId: session.id,
    outputDirectory: writer.directory,
    deliverables: writer.saved,
    durationMs: performance.now() - startedAt,
  });

  const told = new Set<string>();
  const orderly = follow(session, options, writer, told).then(() => session.result);
  const outcome = await Promise.race([orderly, interrupts.forced]);
  if (typeof outcome === 'string') {
    // The orderly end goes on in there and nobody asks for it any more.
    orderly.catch(() => {});
    return summaryOf({
      state: 'cancelled',
      message: await forceEnd(session, reporter),
      exitCode: INTERRUPT_EXIT_CODES[outcome],
      seedId: undefined,
    });
  }

  for (const { message, step } of outcome.problems) {
    // Most problems were a warning when they came up.
    if (!told.has(`${step}: ${message}`)) reporter.warning(`${step}: ${message}`);
  }
  for (const name of unsaved) reporter.warning(`not saved: ${name}`);
  if (outcome.keptDirectory !== undefined) reporter.warning(`the task's directory is kept: ${outcome.keptDirectory}`);
  const exitCode = exitCodeOfResult(outcome);
  const isIncomplete = exitCode === EXIT_CODES.done && unsaved.size > 0;
  return summaryOf({
    state: outcome.state,
    message: outcome.message,
    exitCode: isIncomplete ? EXIT_CODES.failed : exitCode,
    seedId: outcome.seedId,
  });
}

function sessionOptions(
  options: RunTaskOptions,
  writer: DeliverableWriter,
  unsaved: Set<string>,
): StartOpencodeSessionOptions {
  const { cipher, host, store, task } = options;
  return {
    host,
    store,
    cipher,
    taskId: task.id,
    task: task.prompt,
    autoStart: true,
    ...(options.resume === true && { resume: true }),
    hooks: joinHooks([saving(writer, unsaved), ...(options.hooks ?? [])]),
    ...(task.model === undefined ? {} : { model: task.model }),
    ...(task.homeConfig === undefined ? {} : { homeConfig: task.homeConfig }),
    ...(task.config === undefined ? {} : { config: task.config }),
    ...(task.login === undefined ? {} : { login: task.login }),
    ...(task.env === undefined ? {} : { env: task.env }),
    ...(task.deadlineMs === undefined ? {} : { deadlineMs: task.deadlineMs }),
    ...(task.seedId === undefined ? {} : { seedId: task.seedId }),
    ...(task.confine === undefined ? {} : { confine: task.confine }),
    ...(task.saveSeed === false
      ? {}
      : { saveSeed: task.saveSeed.label === undefined ? {} : { label: task.saveSeed.label } }),
    ...(options.files === undefined ? {} : { files: options.files }),
    ...(options.taskRoot === undefined ? {} : { taskRoot: options.taskRoot }),
    ...(options.cacheDirectory === undefined ? {} : { cacheDirectory: options.cacheDirectory }),
  };
}

function saving(writer: DeliverableWriter, unsaved: Set<string>): AgentSessionHooks {
  return {
    async onDeliverable(_context, deliverable) {
      try {
        await writer.save(deliverable);
        unsaved.delete(deliverable.name);
      } catch (error) {
        unsaved.add(deliverable.name);
        throw error;
      }
    },
  };
}

async function follow(
  session: OpencodeSession,
  { hooks = [], reporter }: RunTaskOptions,
  writer: DeliverableWriter,
  told: Set<string>,
): Promise<void> {
  for await (const event of session.events) {
    if (event.type === 'warning') told.add(event.message);
    reporter.event(event, event.type === 'deliverable' ? writer.pathOf(event.name) : undefined);
    for (const hook of hooks) {
      try {
        await hook.onEvent?.(event);
      } catch (error) {
        reporter.warning(`hook onEvent: ${messageOf(error)}`);
      }
    }
  }
}

/** Kills what runs and says how that went. */
async function forceEnd(session: OpencodeSession, reporter: Reporter): Promise<string> {
  reporter.note('ending the session at once');
  const timeUp = Promise.withResolvers<string>();
  const timer = setTimeout(() => timeUp.resolve('not confirmed: its processes may still run'), FORCED_END_MS);
  try {
    return await Promise.race([session.kill().then(() => 'ended at once; nothing was saved'), timeUp.promise]);
  } catch (error) {
    return `not confirmed: ${messageOf(error)}`;
  } finally {
    clearTimeout(timer);
  }
}

function onAbort(signal: AbortSignal, listener: () => void): Disposable {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listener) };
}
