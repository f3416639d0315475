import { ensureOpencode } from '@optio-ts/opencode-installer';
import { launchOpencode } from '@optio-ts/opencode-launcher';
import type { OpencodeServer } from '@optio-ts/opencode-launcher';

import { messageOf } from './errors.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import { stopAll } from './launch-left-behind.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { SessionScope } from './session-scope.ts';

/** It exports and is gone; should this program die meanwhile, it ends by itself. */
const LEASE_MS = 10 * 60_000;

type Source = Pick<OpencodeAgent, 'opencodeSessionId' | 'server' | 'whenIdle'>;

/**
 * Lends a server that tells of the session: the agent's own, or, when that is gone, a new one on what it left in the task directory. It
 * is told nothing to do.
 */
export async function withExportServer(
  scope: SessionScope,
  prepared: PreparedSession,
  { abortSignal, use }: { readonly abortSignal: AbortSignal; readonly use: (source: Source) => Promise<void> },
): Promise<void> {
  const { agent, recovery, keeper } = scope;
  if (agent !== undefined || recovery !== undefined) keeper.snapshot.markLive();
  if (agent !== undefined && !(await hasEnded(agent.exited))) return use(agent);
  const opencodeSessionId = agent?.opencodeSessionId ?? recovery?.details.opencodeSessionId;
  if (opencodeSessionId === undefined) return undefined;
  // Two servers must not have one database.
  await (agent === undefined ? recovery && stopAll(recovery) : agent.server.stop());
  scope.emit({ type: 'progress', step: 'export', message: 'Starting opencode to save its session' });
  let server: OpencodeServer;
  try {
    server = await startForExport(scope, prepared, abortSignal);
  } catch (error) {
    return keeper.snapshot.miss(error);
  }
  try {
    await use({ server, opencodeSessionId, whenIdle: () => Promise.resolve() });
  } finally {
    try {
      await server.stop();
    } catch (error) {
      keeper.distrust(`the end of the server that exported it is not confirmed: ${messageOf(error)}`);
    }
  }
}

async function startForExport(
  { options, record }: SessionScope,
  prepared: PreparedSession,
  abortSignal: AbortSignal,
): Promise<OpencodeServer> {
  const { host, confine, source, cacheDirectory } = options;
  const { workspace, probe } = prepared;
  const binary = await ensureOpencode(host, {
    ...options.install,
    probe,
    abortSignal,
    ...(source && { source }),
    ...(cacheDirectory !== undefined && { cacheDirectory }),
  });
  return launchOpencode({
    host,
    workspace,
    binary,
    probe,
    isPrepared: true,
    leaseMs: LEASE_MS,
    runId: record?.document.runId ?? workspace.runId,
    abortSignal,
    ...(confine && { confine }),
  });
}

/** Whether a promise has settled by now. */
function hasEnded(exited: Promise<unknown>): Promise<boolean> {
  const ended = exited.then(
    () => true,
    () => true,
  );
  return Promise.race([ended, new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);
}
