import { listSessionDocuments, listSnapshots, requestSessionCancel } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import { formatDuration } from '../duration.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { withStore, withStoreToChange } from '../open-store.ts';
import { formatMinute, printFacts, printList } from '../output.ts';
import { findSession, stateOf } from '../sessions/find-session.ts';
import { loadTaskRecord } from '../sessions/task-record.ts';
import { untilInterrupted } from '../until-interrupted.ts';
import type { CommandContext } from './context.ts';

/** What `optio ls` can be told. */
export interface ListSessionsOptions {
  readonly json?: boolean;
  readonly all?: boolean;
}

/** So many are shown unless all are asked for. */
const USUAL_COUNT = 30;

/** `optio ls`: sessions, newest first. */
export async function listSessionsCommand(
  _args: readonly string[],
  { all, json }: ListSessionsOptions,
  context: CommandContext,
): Promise<number> {
  const sessions = await withStore(context, async ({ store }) => {
    const found = [];
    const limit = all === true ? {} : { limit: USUAL_COUNT + 1 };
    for await (const session of listSessionDocuments(store, limit)) found.push(session);
    return found;
  });
  const now = new Date();
  const shown = all === true ? sessions : sessions.slice(0, USUAL_COUNT);
  printList(
    context,
    shown.map((session) => publicOf(session, now)),
    {
      json,
      isCut: true,
      columns: ({ createdAt, durationMs, host, message, status, sessionId, taskId }) => [
        sessionId,
        status,
        formatMinute(createdAt),
        formatDuration(durationMs),
        host,
        taskId,
        message ?? '',
      ],
    },
  );
  if (json !== true) {
    if (sessions.length === 0) context.stderr.write('There are no sessions yet.\n');
    else if (shown.length < sessions.length) context.stderr.write('There are more; --all shows them.\n');
  }
  return EXIT_CODES.done;
}

/** `optio show <session>`: all that is known of a session. */
export async function showSessionCommand(
  [name = '']: readonly string[],
  { json }: { readonly json?: boolean },
  context: CommandContext,
): Promise<number> {
  const now = new Date();
  const { record, session, snapshots } = await withStore(context, async (opened) => {
    const found = await findSession(opened.store, name);
    const kept = [];
    for await (const snapshot of listSnapshots(opened.store, 'opencode', found.taskId)) kept.push(snapshot.id);
    return { session: found, record: await loadTaskRecord(opened, found.taskId), snapshots: kept };
  });
  const about = publicOf(session, now);
  const { owner, requestedCancel, taskDirectory } = session;
  const more = {
    taskDirectory,
    owner: { id: owner.id, leaseExpiresAt: owner.leaseExpiresAt, fencing: owner.fencing },
    ...(requestedCancel === undefined ? {} : { requestedCancel }),
    snapshots,
    ...(record === undefined ? {} : { file: record.path, outputDirectory: record.outputDirectory }),
  };
  const facts: (readonly [string, string | undefined])[] = [
    ['session', session.id],
    ['task', session.taskId],
    ['state', about.status],
    ['message', about.message],
    ['began', formatMinute(session.createdAt)],
    ['took', formatDuration(about.durationMs)],
    ['host', record === undefined ? session.host : `${record.host} (${session.host})`],
    ['directory', session.state === 'ended' ? undefined : taskDirectory],
    [
      'worker',
      session.state === 'ended' ? undefined : `${owner.id}, lease until ${owner.leaseExpiresAt.toISOString()}`,
    ],
    ['to be cancelled', session.state === 'ended' ? undefined : requestedCancel?.reason],
    ['task file', record?.path],
    ['delivered to', record?.outputDirectory],
    ['snapshots', snapshots.length === 0 ? undefined : snapshots.join(' ')],
  ];
  printFacts(
    context,
    { ...about, ...more },
    { json, facts: facts.flatMap(([word, text]) => (text === undefined ? [] : [[word, text] as const])) },
  );
  return EXIT_CODES.done;
}

/** What `optio cancel` can be told. */
export interface CancelOptions {
  readonly json?: boolean;
  readonly reason?: string;
  readonly wait?: boolean;
}

/** `optio cancel <session>`: asks for the end of a session, in whatever process it runs. */
export async function cancelCommand(
  [name = '']: readonly string[],
  { json, reason = 'cancelled by optio cancel', wait }: CancelOptions,
  context: CommandContext,
): Promise<number> {
  return withStoreToChange(context, async (opened) => {
    const session = await findSession(opened.store, name);
    if (session.state === 'ended') {
      printFacts(context, publicOf(session, new Date()), {
        json,
        facts: [['ended already', session.outcome?.state ?? '']],
      });
      return EXIT_CODES.done;
    }
    const asked = await requestSessionCancel(opened.store, session.id, { reason });
    if (stateOf(session, new Date()) === 'no worker' && json !== true) {
      context.stderr.write('Its worker is gone; optio recover takes it up and ends it.\n');
    }
    if (wait === true) {
      // It knows every package's errors, which the other commands need not wait for.
      const { followToEnd } = await import('../sessions/follow-to-end.ts');
      const { abortSignal } = context.interrupts;
      const { exitCode } = await untilInterrupted(
        followToEnd({ ...opened, sessionId: session.id, abortSignal }),
        abortSignal,
        `session ${session.id} was asked to end, and does so by itself`,
      );
      const ended = await findSession(opened.store, session.id);
      const facts = [[ended.outcome?.state ?? 'ended', session.id]] as const;
      printFacts(context, publicOf(ended, new Date()), { json, facts });
      return exitCode === EXIT_CODES.cancelled ? EXIT_CODES.done : exitCode;
    }
    printFacts(context, publicOf(asked, new Date()), { json, facts: [['to be cancelled', session.id]] });
    return EXIT_CODES.done;
  });
}

/** What is told of a session: nothing secret, and nothing that only its worker needs. */
function publicOf(session: SessionDocument, now: Date) {
  const { createdAt, host, id, outcome, state, taskId, updatedAt } = session;
  return {
    type: 'session' as const,
    sessionId: id,
    taskId,
    state,
    status: stateOf(session, now),
    ...(outcome?.message === undefined ? {} : { message: outcome.message }),
    host,
    createdAt,
    ...(state === 'ended' ? { endedAt: updatedAt } : {}),
    durationMs: (state === 'ended' ? updatedAt : now).getTime() - createdAt.getTime(),
  };
}
