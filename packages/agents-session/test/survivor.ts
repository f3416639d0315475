// What the author of an agent writes so that its sessions survive their worker: the scripted agent, with a document, a lease and a
// snapshot in a store.
import { createLogProtocol } from '@optio-ts/agents-prompt';
import {
  archiveDirectory,
  createRunId,
  openWorkspace,
  startSupervised,
  writeFiles,
  outlastLink,
} from '@optio-ts/host-core';
import type { Host, SupervisedProcess, Workspace } from '@optio-ts/host-core';
import {
  claimSession,
  createSessionDocument,
  getSnapshot,
  holdSession,
  noCipher,
  openSnapshot,
  SeedEngineError,
} from '@optio-ts/seed-engine';
import type { HeldSession, SessionDocument, SnapshotDraft, Store } from '@optio-ts/seed-engine';

import { decideOutcome, findLeftSession, keepAgentAlive, planRecovery, runAgentSession } from '../src/index.ts';
import type { AgentSession, DecidedOutcome, EndContext, RecoveryPlan, SessionOutcome } from '../src/index.ts';
import type { AgentSessionHooks } from '../src/lib/session-options.ts';
import { SCRIPT_LIBRARY } from './scripted-agent.ts';

/** The kind of agent, in documents and snapshots. */
export const AGENT = 'scripted';

/** Who works, on what. */
export interface SurvivorPlace {
  readonly host: Host;
  readonly store: Store;
  readonly ownerId: string;
  readonly leaseMs: number;
  readonly agentLeaseMs: number;
  readonly hooks?: AgentSessionHooks;
}

/** A session that is to survive. */
export interface Survivor {
  readonly document: SessionDocument;
  readonly action: RecoveryPlan['action'] | 'start';
  /** `undefined` when there is nothing to follow. */
  readonly session: AgentSession | undefined;
  /** How it ended, once that is written down. */
  readonly result: Promise<SessionOutcome | undefined>;
}

/** What a session is run from. */
interface Run {
  readonly held: HeldSession;
  readonly workspace: Workspace;
  /** Given to a new run. */
  readonly script?: string;
  /** Found of an old one. */
  readonly left?: { readonly processes: readonly SupervisedProcess[]; readonly decided: DecidedOutcome | undefined };
}

/** Starts a session: first its document, then anything else. */
export async function startSurvivor(
  place: SurvivorPlace,
  { taskId, taskRoot, script }: { readonly taskId: string; readonly taskRoot: string; readonly script: string },
): Promise<Survivor> {
  const { host, store, ownerId, leaseMs } = place;
  const runId = createRunId();
  const document = await createSessionDocument(store, {
    taskId,
    agent: AGENT,
    runId,
    host: host.description,
    taskDirectory: `${taskRoot}/${taskId}`,
    ownerId,
    leaseMs,
  });
  const held = holdSession(store, document, { leaseMs });
  const workspace = await openWorkspace(host, { taskId, taskRoot, runId, fresh: 'empty' });
  return { document, action: 'start', ...run(place, { held, workspace, script }) };
}

/** Takes a session up that another worker has left. */
export async function recoverSurvivor(place: SurvivorPlace, id: string): Promise<Survivor> {
  const { host, store, ownerId, leaseMs } = place;
  const document = await claimSession(store, id, { ownerId, leaseMs });
  const held = holdSession(store, document, { leaseMs });
  const { state, runId, taskDirectory, owner, outcome } = document;
  const found = await findLeftSession({ host, taskDirectory, runId, fencing: owner.fencing });
  const isSaved = (await getSnapshot(store, AGENT, id)) !== undefined;
  const isAgentRunning = found.processes.some(({ wasRunning }) => wasRunning);
  const plan = planRecovery({ state, owner: 'ours', directory: found.directory, isAgentRunning, isSaved });
  const decided = state === 'ending' && outcome !== undefined ? (outcome as unknown as DecidedOutcome) : undefined;
  if (plan.action === 'leave' || plan.action === 'look') {
    await held.release({ give: true });
    return { document, action: plan.action, session: undefined, result: Promise.resolve(undefined) };
  }
  if (plan.action === 'forget' || found.workspace === undefined) {
    await Promise.all(found.processes.map((process) => process.stop({ graceMs: 0 })));
    await found.workspace?.remove();
    const message = 'The worker ended before the session did';
    const reason = state === 'starting' ? 'setup-failed' : 'agent-lost';
    const ending =
      decided === undefined ? ({ type: reason, message } as const) : ({ type: 'decided', outcome: decided } as const);
    const forgotten = decideOutcome({ endings: [ending], afterExecuteError: undefined, problems: [] });
    await held.close(recordOf(forgotten));
    return { document, action: 'forget', session: undefined, result: Promise.resolve(forgotten) };
  }
  const left = { processes: found.processes, decided };
  return { document, action: plan.action, ...run(place, { held, workspace: found.workspace, left }) };
}

function run(place: SurvivorPlace, given: Run): Pick<Survivor, 'result' | 'session'> {
  const { host, store, hooks, agentLeaseMs } = place;
  const { held, workspace, script, left } = given;
  const { id, taskId, processId, runId, owner, log } = held.document;
  const running = new AbortController();
  let draft: SnapshotDraft | undefined;
  let isOver = false;
  let isUnsaved = false;
  const session = runAgentSession({
    host,
    workspace,
    protocol: createLogProtocol(),
    sessionId: id,
    fencing: owner.fencing,
    lease: held,
    logPollMs: 50,
    ...(hooks && { hooks }),
    ...(left && { log }),
    ...(left?.decided && { decided: left.decided }),
    onOffset: async (position) => void (await held.update({ log: position })),
    launch: async () => {
      const process = left === undefined ? await begin(place, given, script ?? '') : left.processes[0];
      if (process === undefined) throw new Error('Nothing is on record');
      // Of one that was left behind nobody knows whether it was sent off.
      await writeFiles(host, workspace.workdir, [{ path: 'go', content: '' }]);
      keepAgentAlive({ process, leaseMs: agentLeaseMs, abortSignal: running.signal });
      return {
        exited: process.exited,
        stop: async () => process.stop({ graceMs: 0 }),
        leave: async () => running.abort(),
      };
    },
    beforeStop: async ({ outcome }) => {
      if (outcome.state !== 'lost') await held.update({ state: 'ending', outcome: recordOf(outcome) });
      draft = openSnapshot({ store, cipher: noCipher, id, agent: AGENT, taskId, sessionId: id, processId });
      await draft.write('session', bytesOf(`session of ${runId}`));
    },
    teardown: async ({ outcome, isAgentStopped, abortSignal }) => {
      running.abort();
      if (!isAgentStopped || draft === undefined) return;
      isOver = true;
      isUnsaved = true;
      try {
        await keep(place, { held, workspace, draft, outcome, abortSignal });
      } catch (error) {
        // What the store still does not take, a sweep removes.
        await draft.discard().catch(() => undefined);
        throw error;
      }
      isUnsaved = false;
      await outlastLink(() => workspace.remove({ abortSignal }), { abortSignal });
    },
  });
  const result = (async (): Promise<SessionOutcome> => {
    const outcome = await session.result;
    running.abort();
    const isLeft =
      outcome.reason === 'taken-over' || outcome.reason === 'owner-unknown' || (outcome.state === 'lost' && !isOver);
    // What could not be kept is still there: the next one tries again.
    const isOpen = isLeft || (isUnsaved && outcome.state !== 'lost');
    if (isOpen) await held.release({ give: true });
    else await held.close(recordOf(outcome));
    return outcome;
  })();
  return { session, result };
}

async function keep(
  { host }: SurvivorPlace,
  given: Pick<Run, 'held' | 'workspace'> &
    Pick<EndContext, 'abortSignal' | 'outcome'> & { readonly draft: SnapshotDraft },
): Promise<void> {
  const { held, workspace, draft, outcome, abortSignal } = given;
  const archive = { beneath: workspace.taskDirectory, abortSignal };
  await outlastLink(() => draft.write('workdir', archiveDirectory(host, workspace.workdir, archive)), { abortSignal });
  await held.confirm({ abortSignal });
  const endState = outcome.state === 'lost' ? 'failed' : outcome.state;
  try {
    await draft.commit({ endState });
  } catch (error) {
    if (!SeedEngineError.is(error) || error.code !== 'DOCUMENT_EXISTS') throw error;
    // A worker before this one has kept it, in the moment in which it lost the session.
    await draft.discard();
  }
}

/** The agent waits until its session is known to be live: what it did before would be forgotten. */
async function begin(
  { host, agentLeaseMs }: SurvivorPlace,
  { held, workspace }: Run,
  script: string,
): Promise<SupervisedProcess> {
  const process = await startSupervised(host, {
    directory: workspace.taskDirectory,
    command: ['sh', '-c', `${SCRIPT_LIBRARY}await_file go; ${script}`],
    cwd: workspace.workdir,
    runId: held.document.runId,
    leaseMs: agentLeaseMs,
  });
  await held.update({ state: 'live' });
  return process;
}

function recordOf({ state, reason, message }: DecidedOutcome): {
  state: string;
  reason: string;
  message: string | undefined;
} {
  return { state, reason, message };
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
