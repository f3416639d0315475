import { findLeftSession, planRecovery } from '@optio-ts/agents-session';
import type { RecoveryPlan } from '@optio-ts/agents-session';
import type { Host } from '@optio-ts/host-core';
import { claimSession, getSnapshot, SeedEngineError } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import { driveRecovered, scopeOf } from './drive-recovered.ts';
import { messageOf } from './errors.ts';
import type { ClaimedSession } from './left-behind.ts';
import type { RecoveredSession, RecoverOpencodeSessionsOptions } from './recover-options.ts';
import { PROCESS_OWNER } from './session-driver.ts';
import type { SessionEmit } from './session-emit.ts';
import { holdSessionRecord, isHeldHere, SESSION_LEASE_MS } from './session-record.ts';

/** Takes one session up, if it is nobody's. Rejects with what the store throws; then the session is left to the next try. */
export async function recoverSession(
  { id, taskId }: Pick<SessionDocument, 'id' | 'taskId'>,
  options: RecoverOpencodeSessionsOptions,
): Promise<RecoveredSession> {
  const { store, owner = PROCESS_OWNER, leaseMs = SESSION_LEASE_MS } = options;
  const leave = (reason: string): RecoveredSession => ({ sessionId: id, taskId, action: 'leave', reason });
  if (isHeldHere(id)) return leave('this worker has it');
  let document: SessionDocument;
  try {
    document = await claimSession(store, id, { ownerId: owner, leaseMs });
  } catch (error) {
    if (SeedEngineError.is(error) && LEFT.has(error.code)) return leave(messageOf(error));
    throw error;
  }
  // From here on its lease is renewed, however long its host takes to answer.
  const cancel = new AbortController();
  const events: { emit?: SessionEmit } = {};
  const record = holdSessionRecord(store, document, {
    leaseMs,
    onCancelRequest: (reason) => cancel.abort(new Error(reason)),
    onFailure: (message) => events.emit?.({ type: 'warning', code: 'RECORD_NOT_KEPT', message }),
  });
  try {
    const host = document.state === 'ended' ? undefined : await options.hostFor(document);
    if (host === undefined) {
      await record.leave();
      return leave(document.state === 'ended' ? 'it has ended' : `there is no host ${document.host} here`);
    }
    const claimed = await look(document, host, options);
    const plan = decide(claimed);
    if (plan.action === 'leave' || plan.action === 'look') {
      await record.leave();
      return leave(plan.action === 'leave' ? plan.reason : 'nothing was found out about it');
    }
    const given = (await options.optionsFor?.(document)) ?? {};
    const scope = await scopeOf(claimed, { ...options, given, record, leaseMs, cancel: cancel.signal });
    events.emit = scope.emit;
    const session = driveRecovered(scope, claimed, plan);
    return { sessionId: id, taskId, action: plan.action, session };
  } catch (error) {
    await record.leave().catch(() => undefined); // what made the first fail is told; the lease ends by itself
    throw error;
  }
}

const LEFT: ReadonlySet<string> = new Set(['SESSION_OWNED', 'SESSION_NOT_FOUND']);

async function look(
  document: SessionDocument,
  host: Host,
  { store, abortSignal }: RecoverOpencodeSessionsOptions,
): Promise<ClaimedSession> {
  const { id, runId, taskDirectory, owner } = document;
  const place = { host, taskDirectory, runId, fencing: owner.fencing };
  const found = await findLeftSession({ ...place, ...(abortSignal && { abortSignal }) });
  // After the directory was taken over: whoever had it before has committed by now, or never will remove it.
  const isSaved = (await getSnapshot(store, 'opencode', id)) !== undefined;
  return { document, host, found, isSaved };
}

function decide({ document, found, isSaved }: ClaimedSession): RecoveryPlan {
  return planRecovery({
    state: document.state,
    owner: 'ours',
    directory: found.directory,
    isAgentRunning: found.processes.some(({ wasRunning }) => wasRunning),
    isSaved,
  });
}
