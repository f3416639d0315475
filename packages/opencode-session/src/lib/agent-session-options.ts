import type { LaunchContext, RunAgentSessionOptions } from '@optio-ts/agents-session';
import { sealSecret } from '@optio-ts/seed-engine';

import type { OpencodeSessionEvent } from './events.ts';
import { launchAgent } from './launch-agent.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { SessionScope } from './session-scope.ts';

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
    ...(deadlineMs !== undefined && {
      deadlineMs: Math.max(1, Math.round(deadlineMs - (performance.now() - scope.startedAt))),
    }),
    onOffset: (position) => scope.record?.saveLog(position),
    launch: async (context) => {
      scope.agent = await launch(scope, prepared, context);
      return scope.agent;
    },
    beforeStop: async (context) => {
      const { agent, record, keeper } = scope;
      const processId = record?.document.processId;
      const steps = await Promise.allSettled([
        record?.update({ state: 'ending' }),
        agent && processId && keeper.takeFromServer(agent, prepared, processId, context),
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
  { env, abortSignal }: LaunchContext,
): Promise<OpencodeAgent> {
  return launchAgent(scope.options, {
    prepared,
    env,
    abortSignal,
    emit: scope.emit,
    onIdle: () => void scope.seed?.writeBack({ abortSignal: AbortSignal.timeout(WRITE_BACK_MS) }),
    // Whoever finds this session later gets at its server with these.
    onServer: async (server) => {
      const password = await sealSecret(scope.options.cipher, server.password);
      const { port, process } = server;
      const details = { ...scope.record?.document.details, port, supervisedId: process.id };
      await scope.record?.update({ state: 'live', secrets: { password }, details });
    },
  });
}
