import { WorkerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { withStore } from '../open-store.ts';
import { createPlainReporter } from '../report/plain-reporter.ts';
import { createReporter } from '../report/reporter.ts';
import type { Reporter } from '../report/reporter.ts';
import { findSession } from '../sessions/find-session.ts';
import { followToEnd } from '../sessions/follow-to-end.ts';
import { replay } from '../sessions/journal-entry.ts';
import { readJournal } from '../sessions/read-journal.ts';
import type { CommandContext } from './context.ts';

/** `optio attach <session>`: watches a session as `optio run` shows it, and ends with its exit code. Ctrl-C stops watching alone. */
export async function attachCommand(
  [name = '']: readonly string[],
  { json }: { readonly json?: boolean },
  context: CommandContext,
): Promise<number> {
  const { abortSignal } = context.interrupts;
  // What was reported before somebody came to watch has the time that it was reported at.
  let at: Date | undefined;
  const now = (): Date => at ?? new Date();
  const reporter = createReporter({ format: json === true ? 'json' : 'human', ...context, now });
  const replayed: Reporter = {
    ...reporter,
    event(event, savedTo) {
      ({ at } = event);
      reporter.event(event, savedTo);
    },
  };
  try {
    return await withStore(context, async (opened) => {
      const { createdAt, id: sessionId } = await findSession(opened.store, name);
      at = createdAt;
      const { exitCode, summary } = await followToEnd({ ...opened, sessionId, reporter: replayed, abortSignal });
      if (summary !== undefined) reporter.summary(summary);
      else reporter.note(`session ${sessionId} is over; optio show tells how it ended`);
      return exitCode;
    });
  } catch (error) {
    if (!abortSignal.aborted) throw error;
    at = undefined;
    reporter.note('no longer watching; the session goes on');
    return EXIT_CODES.done;
  } finally {
    reporter.close();
  }
}

/** What `optio logs` can be told. */
export interface LogsOptions {
  readonly json?: boolean;
  readonly follow?: boolean;
}

/** `optio logs <session>`: what a session reported, line by line with the time, on stdout. */
export async function logsCommand(
  [name = '']: readonly string[],
  { follow, json }: LogsOptions,
  context: CommandContext,
): Promise<number> {
  const { abortSignal } = context.interrupts;
  let at = new Date();
  const { stdout } = context;
  const reporter =
    json === true
      ? createReporter({ format: 'json', ...context })
      : createPlainReporter({ stdout: { write: () => true }, stderr: stdout, now: () => at });
  try {
    await withStore(context, async (opened) => {
      const { createdAt, id: sessionId } = await findSession(opened.store, name);
      at = createdAt;
      let isEmpty = true;
      for await (const entry of readJournal({ ...opened, sessionId, abortSignal, follow: follow === true })) {
        isEmpty = false;
        if (entry.kind === 'event') at = entry.event.at;
        if (entry.kind === 'summary') reporter.summary(entry.summary);
        else replay(entry, reporter);
      }
      if (isEmpty) throw new WorkerError('NOT_FOUND', `session ${sessionId} was not run by optio, and has no journal`);
    });
  } catch (error) {
    if (!abortSignal.aborted) throw error;
  }
  return EXIT_CODES.done;
}
