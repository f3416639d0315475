import { decideOutcome, runAgentSession } from '@optio-ts/agents-session';
import type { SessionOutcome } from '@optio-ts/agents-session';
import { createId, listSessionDocuments } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';

import { agentSessionOptions } from './agent-session-options.ts';
import { messageOf } from './errors.ts';
import type { OpencodeSessionEvent } from './events.ts';
import type { OpencodeSession, OpencodeSessionResult } from './opencode-session.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { prepareSession } from './prepare-session.ts';
import type { PreparedSession } from './prepare-session.ts';
import { createSessionHandle } from './session-handle.ts';
import { openSessionRecord, SESSION_LEASE_MS } from './session-record.ts';
import type { SessionRecordListener } from './session-record.ts';
import { createSessionScope } from './session-scope.ts';
import type { SessionScope } from './session-scope.ts';

/** Names this process among the owners of sessions. */
export const PROCESS_OWNER: string = `worker-${createId()}`;

/** A session's first owner has the first number; one that takes it over has the next. */
const FIRST_FENCING = 1;

/** Drives a session from its first step to its last. */
export function driveSession(options: StartOpencodeSessionOptions): OpencodeSession {
  const scope = createSessionScope(options, { id: createId(), fencing: FIRST_FENCING });
  const { abortSignal } = options;
  const stopBySignal = (): void => scope.stop.abort(abortSignal?.reason);
  if (abortSignal?.aborted === true) stopBySignal();
  else abortSignal?.addEventListener('abort', stopBySignal, { once: true });
  const result = closeWith(scope, run(scope)).finally(() => abortSignal?.removeEventListener('abort', stopBySignal));
  return createSessionHandle(scope, result);
}

/** Writes a session's end down, and ends its events. */
export async function closeWith(scope: SessionScope, running: Promise<SessionOutcome>): Promise<OpencodeSessionResult> {
  try {
    const outcome = await running;
    const { state, reason, message } = outcome;
    const problems = [...outcome.problems];
    try {
      if (isLeft(outcome, scope)) await scope.record?.leave();
      else await scope.record?.close({ state, reason, message });
    } catch (error) {
      problems.push({ step: 'session document', message: messageOf(error) });
    }
    const opencodeSessionId = scope.agent?.opencodeSessionId;
    return { ...outcome, problems, sessionId: scope.id, opencodeSessionId, ...scope.keeper.kept };
  } finally {
    scope.agent = undefined;
    scope.stream.end();
  }
}

/**
 * Whether the session goes on without this handle: another worker has it, its host is out of reach with the agent on it, or what is to
 * be kept of it could not be kept yet. Its document stays open, and whoever recovers sessions next takes it up.
 */
function isLeft({ state, reason }: SessionOutcome, { keeper }: SessionScope): boolean {
  if (reason === 'taken-over' || reason === 'owner-unknown' || keeper.snapshot.isUnsaved) return true;
  return state === 'lost' && keeper.isAgentLeft;
}

async function run(scope: SessionScope): Promise<SessionOutcome> {
  const prepared = await prepare(scope);
  if (!('outcome' in prepared)) {
    return runAgentSession<OpencodeSessionEvent>(agentSessionOptions(scope, prepared)).result;
  }
  const { outcome } = prepared;
  await scope.seed?.release();
  if (scope.workspace !== undefined) await scope.keeper.removeDirectory(scope.workspace);
  scope.emit({ type: 'ended', outcome });
  return outcome;
}

/** Everything before the agent; the deadline runs meanwhile. */
async function prepare(scope: SessionScope): Promise<PreparedSession | { readonly outcome: SessionOutcome }> {
  const { options, stop } = scope;
  const { deadlineMs } = options;
  const deadline =
    deadlineMs === undefined
      ? undefined
      : setTimeout(() => {
          scope.isDeadlineOver = true;
          stop.abort(new Error('The deadline is over'));
        }, deadlineMs);
  try {
    const prepared = await prepareSession(options, {
      sessionId: scope.id,
      emit: scope.emit,
      abortSignal: stop.signal,
      onRunKnown: (known) => openRecord(scope, known),
      onWorkspace: (workspace) => {
        scope.workspace = workspace;
      },
      onSeed: (seed) => {
        scope.seed = seed;
      },
    });
    stop.signal.throwIfAborted();
    return prepared;
  } catch (error) {
    return { outcome: judgeFailedStart(scope, error) };
  } finally {
    clearTimeout(deadline);
  }
}

/** What a session does about what its record tells. */
function listenTo(scope: SessionScope): SessionRecordListener {
  return {
    onCancelRequest: (reason) => scope.stop.abort(new Error(reason)),
    onFailure: (message) => scope.emit({ type: 'warning', code: 'RECORD_NOT_KEPT', message }),
  };
}

async function openRecord(
  scope: SessionScope,
  known: { readonly runId: string; readonly taskDirectory: string },
): Promise<void> {
  const { store, taskId, host, metadata, owner = PROCESS_OWNER, leaseMs = SESSION_LEASE_MS } = scope.options;
  const processId = await previousProcessId(store, taskId);
  scope.record = await openSessionRecord(store, {
    ...known,
    ...(processId !== undefined && { processId }),
    id: scope.id,
    taskId,
    agent: 'opencode',
    host: host.description,
    ownerId: owner,
    ...(metadata && { details: { metadata } }),
    leaseMs,
    ...listenTo(scope),
  });
}

function judgeFailedStart({ options, stop, isDeadlineOver }: SessionScope, error: unknown): SessionOutcome {
  const { aborted, reason } = stop.signal;
  const ending = !aborted
    ? ({ type: 'setup-failed', message: messageOf(error), error } as const)
    : isDeadlineOver
      ? ({ type: 'deadline', deadlineMs: options.deadlineMs ?? 0 } as const)
      : ({ type: 'cancelled', message: messageOf(reason) } as const);
  return decideOutcome({ endings: [ending], afterExecuteError: undefined, problems: [] });
}

/** The 24 hex digits that mark the blobs of a task stay the same from run to run. */
async function previousProcessId(store: Store, taskId: string): Promise<string | undefined> {
  for await (const { processId } of listSessionDocuments(store, { taskId, limit: 1 })) return processId;
  return undefined;
}
