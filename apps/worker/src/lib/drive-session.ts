import type { OpencodeSession } from '@optio-ts/opencode-session';
import type { Store } from '@optio-ts/seed-engine';

import { messageOf } from './errors.ts';
import { exitCodeOfResult } from './exit-code-of.ts';
import { EXIT_CODES } from './exit-codes.ts';
import type { HookModule } from './hooks.ts';
import { INTERRUPT_EXIT_CODES } from './interrupts.ts';
import type { Interrupts } from './interrupts.ts';
import type { Reporter, TaskSummary } from './report/reporter.ts';
import type { SessionOutput } from './session-output.ts';
import { explainHeld } from './sessions/explain-held.ts';
import { watchCancel } from './sessions/watch-cancel.ts';

/** Options of `driveSession`. */
export interface DriveSessionOptions {
  readonly store: Store;
  /** Its hooks are among those of the session. */
  readonly output: SessionOutput;
  readonly reporter: Reporter;
  readonly interrupts: Interrupts;
  /** The machine, as the user names it. */
  readonly hostName: string;
  /** Whose `onEvent` is called here. @default none */
  readonly hooks?: readonly HookModule[];
}

/** How long a forced end may take before the process goes without knowing. */
const FORCED_END_MS = 10_000;

/**
 * Shows how a session goes until it is over, and ends it when somebody presses Ctrl-C (once: in good order; twice: at once) or asks
 * for it in its document. The summary is returned, not yet shown.
 */
export async function driveSession(session: OpencodeSession, options: DriveSessionOptions): Promise<TaskSummary> {
  const { hostName, interrupts, output, reporter, store } = options;
  const startedAt = performance.now();
  using _ = onAbort(interrupts.abortSignal, () => {
    reporter.note('ending the session in good order; press Ctrl-C again to end it at once');
    // Its outcome is that of `session.result`, which is waited for below.
    void session.cancel(`interrupted by ${interrupts.first ?? 'a signal'}`).catch(() => {});
  });
  using _watch = watchCancel(store, session);
  const summaryOf = (ending: Pick<TaskSummary, 'state' | 'message' | 'exitCode' | 'seedId'>): TaskSummary => ({
    ...ending,
    taskId: session.taskId,
    sessionId: session.id,
    outputDirectory: output.writer.directory,
    deliverables: output.writer.saved,
    durationMs: performance.now() - startedAt,
  });

  const told = new Set<string>();
  const orderly = follow(session, options, told).then(() => session.result);
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
  for (const name of output.unsaved) reporter.warning(`not saved: ${name}`);
  if (outcome.keptDirectory !== undefined) reporter.warning(`the task's directory is kept: ${outcome.keptDirectory}`);
  const exitCode = exitCodeOfResult(outcome);
  const isIncomplete = exitCode === EXIT_CODES.done && output.unsaved.size > 0;
  return summaryOf({
    state: outcome.state,
    message: (await explainHeld(outcome.error, store, { taskId: session.taskId, hostName })) ?? outcome.message,
    exitCode: isIncomplete ? EXIT_CODES.failed : exitCode,
    seedId: outcome.seedId,
  });
}

async function follow(
  session: OpencodeSession,
  { hooks = [], output, reporter }: DriveSessionOptions,
  told: Set<string>,
): Promise<void> {
  for await (const event of session.events) {
    if (event.type === 'warning') told.add(event.message);
    reporter.event(event, event.type === 'deliverable' ? output.writer.pathOf(event.name) : undefined);
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
