import type { LaunchContext, RunAgentSessionOptions } from '@optio-ts/agents-session';
import type { OpencodeServer } from '@optio-ts/opencode-launcher';
import { sealSecret } from '@optio-ts/seed-engine';

import type { OpencodeSessionEvent } from './events.ts';
import { withExportServer } from './export-server.ts';
import { launchAgent } from './launch-agent.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import { launchLeftBehind } from './launch-left-behind.ts';
import type { PreparedSession } from './prepare-session.ts';
import { detailsOf } from './session-details.ts';
import type { SessionScope } from './session-scope.ts';
import { sealSettings, settingsOf } from './session-settings.ts';

/** Given to a login that is written back between two turns of the agent. */
const WRITE_BACK_MS = 30_000;

/** How the neutral driver runs this session: with opencode as its agent, and what is kept of it at its end. */
export function agentSessionOptions(
  scope: SessionScope,
  prepared: PreparedSession,
): RunAgentSessionOptions<OpencodeSessionEvent> {
  const { host, hooks, idleLimitMs, limits, maxDeliverableBytes, autoStart, deadlineMs } = scope.options;
  const { onIdle = autoStart === true ? 'remind' : 'ignore' } = scope.options;
  const { workspace, protocol, probe, resumeLogLine, resumedSessionId } = prepared;
  return {
    host,
    workspace,
    protocol,
    stream: scope.stream,
    sessionId: scope.id,
    fencing: scope.fencing,
    // A fresh workdir was written whole; one that came back still has the log of its last run.
    isPrepared: resumedSessionId === undefined,
    hostPath: probe.path,
    abortSignal: scope.stop.signal,
    onIdle,
    ...(limits && { limits }),
    ...(resumeLogLine !== undefined && { resumeLogLine }),
    ...(hooks && { hooks }),
    ...(idleLimitMs !== undefined && { idleLimitMs }),
    ...(maxDeliverableBytes !== undefined && { maxDeliverableBytes }),
    ...(deadlineMs !== undefined && { deadlineMs, elapsedMs: performance.now() - scope.startedAt }),
    ...(scope.record && { lease: scope.record.lease }),
    ...(scope.recovery && { log: scope.recovery.log }),
    ...(scope.recovery?.decided && { decided: scope.recovery.decided }),
    onOffset: (position) => scope.record?.saveLog(position),
    launch: async (context) => {
      const attend = async (adopt?: () => Promise<OpencodeServer>): Promise<OpencodeAgent> => {
        try {
          return await launch(scope, prepared, { ...context, adopt });
        } catch (error) {
          scope.agent = undefined;
          throw error;
        }
      };
      if (scope.recovery === undefined) return attend();
      return launchLeftBehind(scope, prepared, scope.recovery, { ...context, attend });
    },
    beforeStop: async ({ outcome, abortSignal }) => {
      const { record, keeper } = scope;
      const processId = record?.document.processId;
      const { state, reason, message } = outcome;
      const steps = await Promise.allSettled([
        // Whoever takes the session up from here on ends it in the same way. A loss decides nothing.
        state !== 'lost' && record?.update({ state: 'ending', outcome: { state, reason, message } }),
        processId &&
          withExportServer(scope, prepared, {
            abortSignal,
            use: (source) => keeper.takeFromServer(source, prepared, processId, { outcome, abortSignal }),
          }),
      ]);
      // A document that cannot be written is a problem to be told, and no reason to keep less.
      for (const step of steps) if (step.status === 'rejected') throw step.reason;
    },
    teardown: (context) => scope.keeper.keep(prepared, { ...context, agent: scope.agent }),
  };
}

function launch(
  scope: SessionScope,
  prepared: PreparedSession,
  { env, abortSignal, adopt }: LaunchContext & { readonly adopt: (() => Promise<OpencodeServer>) | undefined },
): Promise<OpencodeAgent> {
  return launchAgent(scope.options, {
    prepared,
    env,
    abortSignal,
    ...(adopt && { adopt, lastMessageId: scope.recovery?.details.lastMessageId }),
    emit: scope.emit,
    onAgent: (agent) => {
      scope.agent = agent;
    },
    onIdle: () => void scope.seed?.writeBack({ abortSignal: AbortSignal.timeout(WRITE_BACK_MS) }),
    // Whoever finds this session later gets at its server with these.
    onServer: async (server, session) => {
      const { cipher } = scope.options;
      const details = { ...scope.record?.document.details, ...detailsOf(server, prepared.binary, session) };
      if (adopt !== undefined) return scope.record?.update({ details });
      const [password, settings] = await Promise.all([
        sealSecret(cipher, server.password),
        sealSettings(cipher, settingsOf(scope.options, prepared, deadlineAt(scope))),
      ]);
      return scope.record?.update({ state: 'live', secrets: { password, settings }, details });
    },
  });
}

/** When the deadline is over, by the clock on the wall: another worker must know it too. */
function deadlineAt({ options: { deadlineMs }, startedAt }: SessionScope): number | undefined {
  return deadlineMs === undefined ? undefined : Math.round(Date.now() + deadlineMs - (performance.now() - startedAt));
}
