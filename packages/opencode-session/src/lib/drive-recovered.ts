import { createLogProtocol } from '@optio-ts/agents-prompt';
import type { BrowserMode } from '@optio-ts/agents-prompt';
import { decideOutcome, runAgentSession } from '@optio-ts/agents-session';
import type { RecoveryPlan, SessionOutcome } from '@optio-ts/agents-session';
import { outlastLink, probeHost } from '@optio-ts/host-core';
import type { Workspace } from '@optio-ts/host-core';
import { DecryptError, openSecret } from '@optio-ts/seed-engine';

import { agentSessionOptions } from './agent-session-options.ts';
import { messageOf } from './errors.ts';
import type { OpencodeSessionEvent } from './events.ts';
import { stopAll } from './launch-left-behind.ts';
import { decidedOf } from './left-behind.ts';
import type { ClaimedSession } from './left-behind.ts';
import type { OpencodeSession } from './opencode-session.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { RecoveredSessionOptions, RecoverOpencodeSessionsOptions } from './recover-options.ts';
import { readDetails } from './session-details.ts';
import { closeWith } from './session-driver.ts';
import { createSessionHandle } from './session-handle.ts';
import type { SessionRecord } from './session-record.ts';
import { createSessionScope } from './session-scope.ts';
import type { SessionScope } from './session-scope.ts';
import { takeSeed } from './session-seed.ts';
import { openSettings } from './session-settings.ts';

/** What a claimed session is driven on with. */
export interface ScopeOfOptions extends Pick<RecoverOpencodeSessionsOptions, 'cipher' | 'store'> {
  readonly given: RecoveredSessionOptions;
  readonly record: SessionRecord;
  readonly leaseMs: number;
  /** Aborted when somebody asked for the session's end. */
  readonly cancel: AbortSignal;
}

/** Opens the scope of a session that was left behind. Throws when its settings cannot be read: nothing was touched then. */
export async function scopeOf(
  { document, host }: ClaimedSession,
  { store, cipher, given, record, leaseMs, cancel }: ScopeOfOptions,
): Promise<SessionScope> {
  const { options: data, deadlineAt } = await openSettings(cipher, document);
  const scope = createSessionScope(
    {
      ...data,
      ...given,
      ...(deadlineAt !== undefined && { deadlineMs: Math.max(1, deadlineAt - Date.now()) }),
      host,
      store,
      cipher,
      taskId: document.taskId,
      task: document.taskId,
      leaseMs,
    } satisfies StartOpencodeSessionOptions,
    { id: document.id, fencing: document.owner.fencing },
  );
  scope.record = record;
  const stop = (): void => scope.stop.abort(cancel.reason);
  if (cancel.aborted) stop();
  else cancel.addEventListener('abort', stop, { once: true });
  return scope;
}

/** Drives a session that was left behind to its end. */
export function driveRecovered(scope: SessionScope, claimed: ClaimedSession, plan: RecoveryPlan): OpencodeSession {
  const running = plan.action === 'forget' ? forget(scope, claimed, plan.reason) : goOn(scope, claimed);
  return createSessionHandle(scope, closeWith(scope, running));
}

/** Follows an agent that runs, or hears the last of one that has ended. */
async function goOn(scope: SessionScope, claimed: ClaimedSession): Promise<SessionOutcome> {
  const { document, host, found } = claimed;
  const { workspace, processes } = found;
  const details = readDetails(document);
  if (workspace === undefined || details === undefined) return forget(scope, claimed, 'its document says too little');
  scope.workspace = workspace;
  scope.recovery = {
    log: document.log,
    decided: decidedOf(document),
    details,
    password: await openPassword(scope),
    server: processes.find(({ id }) => id === details.supervisedId),
    processes,
  };
  let prepared: PreparedSession;
  try {
    const probe = await outlastLink(() => probeHost(host));
    prepared = {
      probe,
      workspace,
      binary: details.binary,
      protocol: createLogProtocol({ browser: (scope.options.browser ?? 'suppress') satisfies BrowserMode }),
      resumedSessionId: details.opencodeSessionId,
      config: {},
      homeConfig: scope.options.homeConfig,
      model: scope.options.model,
      seed: await takeSeedAgain(scope, workspace),
      files: [],
      workdirExclude: scope.options.workdirExclude,
      resumeLogLine: undefined,
    };
  } catch (error) {
    // Nothing was touched yet: the next one may have more luck.
    const lost = { type: 'disowned', isTaken: false, message: messageOf(error), error } as const;
    return tell(scope, decideOutcome({ endings: [lost], afterExecuteError: undefined, problems: [] }));
  }
  return runAgentSession<OpencodeSessionEvent>(agentSessionOptions(scope, prepared)).result;
}

async function openPassword({ options, record, emit }: SessionScope): Promise<string | undefined> {
  if (record === undefined) return undefined;
  try {
    return await openSecret(options.cipher, record.document, 'password');
  } catch (error) {
    if (!DecryptError.is(error)) throw error;
    emit({ type: 'warning', code: 'PASSWORD_NOT_OPENED', message: messageOf(error) });
    return undefined;
  }
}

async function takeSeedAgain(scope: SessionScope, workspace: Workspace): Promise<PreparedSession['seed']> {
  const { seedId } = scope.options;
  if (typeof seedId !== 'string') return undefined;
  return takeSeed(scope.options, {
    seedId,
    workspace,
    isResumed: true,
    isAdopted: true,
    sessionId: scope.id,
    emit: scope.emit,
    // Its lease is not waited for, and a cancel is to find the session whole.
    abortSignal: new AbortController().signal,
    onSeed: (seed) => {
      scope.seed = seed;
    },
  });
}

/** Ends what is left of a session of which nothing is to be kept, or nothing can be. */
async function forget(
  scope: SessionScope,
  { document, found, isSaved }: ClaimedSession,
  reason: string,
): Promise<SessionOutcome> {
  const { processes, workspace } = found;
  const problems: { step: string; message: string }[] = [];
  try {
    await outlastLink(() => stopAll({ processes }));
    scope.keeper.confirmStopped();
    if (workspace !== undefined) await scope.keeper.removeDirectory(workspace);
  } catch (error) {
    problems.push({ step: 'stop', message: messageOf(error) });
  }
  if (isSaved) scope.keeper.snapshot.find();
  const decided = decidedOf(document);
  const message = `The worker ended before the session did: ${reason}`;
  const ending =
    decided !== undefined
      ? ({ type: 'decided', outcome: decided } as const)
      : scope.stop.signal.aborted
        ? ({ type: 'cancelled', message: messageOf(scope.stop.signal.reason) } as const)
        : document.state === 'starting'
          ? ({ type: 'setup-failed', message } as const)
          : ({ type: 'agent-lost', message } as const);
  return tell(scope, decideOutcome({ endings: [ending], afterExecuteError: undefined, problems }));
}

function tell(scope: SessionScope, outcome: SessionOutcome): SessionOutcome {
  scope.emit({ type: 'ended', outcome });
  return outcome;
}
