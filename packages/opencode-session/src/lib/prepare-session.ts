import { createLogProtocol } from '@optio-ts/agents-prompt';
import type { LogProtocol } from '@optio-ts/agents-prompt';
import { createRunId, HostError, openWorkspace, probeHost } from '@optio-ts/host-core';
import type { HostProbe, Workspace } from '@optio-ts/host-core';
import { ensureOpencode } from '@optio-ts/opencode-installer';
import type { InstallProgress, OpencodeBinary } from '@optio-ts/opencode-installer';
import { loadLatestSnapshot } from '@optio-ts/seed-engine';
import type { Snapshot } from '@optio-ts/seed-engine';

import { acrossLink } from './across-link.ts';
import { checkRoot } from './check-options.ts';
import { fillFreshWorkdir } from './fill-fresh-workdir.ts';
import { fillResumedWorkdir } from './fill-resumed-workdir.ts';
import type { FilledWorkdir } from './fill-workdir.ts';
import { chooseModel } from './model-choice.ts';
import { modelMissing } from './model-missing.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { chooseSeed } from './pick-seed.ts';
import type { SessionEmit } from './session-emit.ts';
import type { SessionSeed } from './session-seed.ts';

const OPEN_WORKSPACE_MS = 30_000;

/** A host that is ready for opencode to be started on. */
export interface PreparedSession extends FilledWorkdir {
  readonly probe: HostProbe;
  readonly binary: OpencodeBinary;
  readonly workspace: Workspace;
  readonly protocol: LogProtocol;
  /** opencode's id of the session that came back; `undefined` for a fresh start. */
  readonly resumedSessionId: string | undefined;
}

/** What the preparation is given beside the caller's options. */
export interface PrepareSessionContext {
  readonly emit: SessionEmit;
  readonly abortSignal: AbortSignal;
  /** Of the session document. */
  readonly sessionId: string;
  /** Called once, before anything is made on the host. */
  readonly onRunKnown: (run: { readonly runId: string; readonly taskDirectory: string }) => Promise<void>;
  /** Called once, when there is something to remove in the end. */
  readonly onWorkspace: (workspace: Workspace) => void;
  /** Called once, when there is a seed to give back in the end. */
  readonly onSeed: (seed: SessionSeed) => void;
}

/** Probes the host, finds or installs opencode, makes the task's directory and fills it. Throws what fails; nothing runs yet. */
export async function prepareSession(
  options: StartOpencodeSessionOptions,
  context: PrepareSessionContext,
): Promise<PreparedSession> {
  const { host, taskId } = options;
  const { emit, abortSignal } = context;

  emit({ type: 'progress', step: 'probe', message: `Looking at ${host.description}` });
  // What cannot work is found out before the host is touched.
  const snapshot = await findSnapshot(options, emit);
  const seedId = snapshot === undefined ? await chooseSeed(options, context) : undefined;
  checkModel(options, snapshot !== undefined || seedId !== undefined);
  const probe = await acrossLink(context, () => probeHost(host, { abortSignal }), { isFirst: true });

  const runId = createRunId();
  const taskRoot = options.taskRoot ?? `${probe.stateHome}/optio-opencode`;
  checkRoot(taskRoot);
  await context.onRunKnown({ runId, taskDirectory: `${taskRoot}/${taskId}` });
  // Not aborted: a directory that was made and is not known would stay. It is one trip.
  let mayBeMade = false;
  const open = async (): Promise<Workspace> => {
    try {
      return await openWorkspace(host, {
        taskId,
        runId,
        timeoutMs: OPEN_WORKSPACE_MS,
        fresh: 'empty',
        ...(options.taskRoot !== undefined && { taskRoot: options.taskRoot }),
      });
    } catch (error) {
      mayBeMade ||= isUncertain(error);
      throw error;
    }
  };
  const install = (): Promise<OpencodeBinary> =>
    ensureOpencode(host, {
      ...options.install,
      probe,
      abortSignal,
      ...(options.source && { source: options.source }),
      ...(options.cacheDirectory !== undefined && { cacheDirectory: options.cacheDirectory }),
      onProgress: (progress) => emit({ type: 'progress', ...progress, ...percentOf(progress) }),
      onWarning: (warning) => emit({ type: 'warning', ...warning }),
    });
  // Both are waited for, whichever fails: a directory that was made meanwhile must be known.
  const [workspaceResult, binaryResult] = await Promise.allSettled([
    acrossLink(context, open),
    acrossLink(context, install),
  ]);
  if (workspaceResult.status === 'fulfilled') context.onWorkspace(workspaceResult.value);
  else if (mayBeMade) {
    const message = `${taskRoot}/${taskId} may have been made on ${host.description}, and is not removed`;
    emit({ type: 'warning', code: 'DIRECTORY_KEPT', message });
  }
  if (binaryResult.status === 'rejected') throw binaryResult.reason;
  if (workspaceResult.status === 'rejected') throw workspaceResult.reason;
  const workspace = workspaceResult.value;
  const binary = binaryResult.value;

  emit({ type: 'progress', step: 'prepare', message: `Preparing ${workspace.taskDirectory}` });
  const protocol = createLogProtocol({ browser: options.browser ?? 'suppress' });
  const { sessionId, onSeed } = context;
  const place = { probe, binary, workspace, protocol, sessionId, seedId, onSeed, emit, abortSignal };
  const filled =
    snapshot === undefined
      ? await fillFreshWorkdir(options, place)
      : await fillResumedWorkdir(options, { ...place, snapshot });
  return { ...filled, probe, binary, workspace, protocol, resumedSessionId: snapshot?.sessionId };
}

function percentOf({ bytes, totalBytes }: InstallProgress): { readonly percent?: number } {
  if (bytes === undefined || totalBytes === undefined || totalBytes === 0) return {};
  return { percent: Math.min(100, Math.floor((100 * bytes) / totalBytes)) };
}

/** Whether the far side may have done what it was asked for, although nobody said so. */
function isUncertain(error: unknown): boolean {
  return HostError.is(error) && (error.code === 'CONNECTION_LOST' || error.code === 'TIMEOUT');
}

async function findSnapshot(
  { store, taskId, resume }: StartOpencodeSessionOptions,
  emit: SessionEmit,
): Promise<Snapshot | undefined> {
  if (resume !== true) return undefined;
  const snapshot = await loadLatestSnapshot(store, 'opencode', taskId);
  if (snapshot === undefined) {
    const message = `There is no snapshot of task ${taskId} in ${store.description}: it starts fresh`;
    emit({ type: 'warning', code: 'NOTHING_TO_RESUME', message });
  }
  return snapshot;
}

/** An agent that starts on its own needs a model; a home that comes from elsewhere may have one that only its configuration tells. */
function checkModel(options: StartOpencodeSessionOptions, mayBeInHome: boolean): void {
  const { autoStart, config, homeConfig, model, taskId } = options;
  const known = chooseModel({ model, config, homeConfig, seedModel: undefined });
  if (known === undefined && !mayBeInHome && autoStart === true) throw modelMissing(taskId);
}
