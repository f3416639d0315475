import type { LaunchContext, LaunchedAgent, SendContext } from '@optio-ts/agents-session';
import { outlastLink } from '@optio-ts/host-core';
import { launchOpencode } from '@optio-ts/opencode-launcher';
import type { OpencodeServer } from '@optio-ts/opencode-launcher';

import { isConnectionFault } from './across-link.ts';
import { createAgentRequests } from './agent-requests.ts';
import { keepServerAlive } from './keep-server-alive.ts';
import { sendOffPrompt } from './kick-off.ts';
import { splitModel } from './model-choice.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { SessionEmit } from './session-emit.ts';
import { sessionUrl } from './session-url.ts';
import { watchActivity } from './watch-activity.ts';
import { widgetData } from './widget-data.ts';

/** A command of opencode ends after two minutes unless the agent says otherwise. */
const STALL_LIMIT_MS = 600_000;

/** Milliseconds that a server which was up a moment ago is waited for, over a link that was lost. */
const OUTAGE_MS = 30_000;

/** What launching needs beside the caller's options. */
export interface LaunchAgentContext extends Pick<LaunchContext, 'abortSignal'> {
  readonly prepared: PreparedSession;
  /** Variables of the browser shims. */
  readonly env: Readonly<Record<string, string>>;
  readonly emit: SessionEmit;
  /** Takes up the server that a worker before this one has started, in place of a start. */
  readonly adopt?: () => Promise<OpencodeServer>;
  /** Of a session that is adopted: the newest message that it came back with, if it was brought back. */
  readonly lastMessageId?: string | undefined;
  /** The server runs: from here on it has to be ended. Its failure fails the launch. */
  readonly onServer: (
    server: OpencodeServer,
    session: { readonly opencodeSessionId: string; readonly lastMessageId: string | undefined },
  ) => Promise<void>;
  /** It can be watched from here on: told right before the `live` event, and before it is sent to work. */
  readonly onAgent: (agent: OpencodeAgent) => void;
  /** A turn of the agent is over. */
  readonly onIdle: () => void;
}

/** opencode, at work on one session. */
export interface OpencodeAgent extends LaunchedAgent {
  readonly server: OpencodeServer;
  readonly opencodeSessionId: string;
  /** opencode's interface on this machine, opened at the session. */
  readonly url: string;
  /** Resolves when the agent's turn is over. */
  readonly whenIdle: () => Promise<void>;
  /** A person begins or ends to drive it. */
  readonly attend: (change: 'begin' | 'end') => void;
}

/** Starts opencode, makes its session, and sends the agent to work when that is asked for. */
export async function launchAgent(
  options: StartOpencodeSessionOptions,
  context: LaunchAgentContext,
): Promise<OpencodeAgent> {
  const { prepared, emit, abortSignal } = context;
  const { binary, workspace, model, resumedSessionId } = prepared;
  const { adopt } = context;
  const isAdopted = adopt !== undefined;
  const verb = adopt === undefined ? 'Starting' : 'Finding';
  emit({ type: 'progress', step: 'launch', message: `${verb} opencode ${binary.version}` });
  const launch = (): Promise<OpencodeServer> =>
    launchOpencode({
      host: options.host,
      workspace,
      binary,
      config: prepared.config,
      probe: prepared.probe,
      env: { ...context.env, ...options.env },
      isAttended: options.autoStart !== true,
      ...(prepared.files.length === 0 ? { isPrepared: true } : { files: prepared.files }),
      // One id marks all that this run starts, and its directory.
      runId: workspace.runId,
      onWarning: (warning) => emit({ type: 'warning', ...warning }),
      abortSignal,
      ...(resumedSessionId === undefined && { session: { title: options.taskId } }),
      ...(options.confine && { confine: options.confine }),
      ...(options.agentLeaseMs !== undefined && { leaseMs: options.agentLeaseMs }),
    });
  const server = await (adopt ?? launch)();
  const watching = new AbortController();
  try {
    const { client, session } = server;
    const opencodeSessionId = resumedSessionId ?? session?.id;
    if (opencodeSessionId === undefined) throw new Error('The start has made no session');
    const newest = async (): Promise<string> =>
      (await client.messages(opencodeSessionId, { limit: 1, abortSignal })).at(-1)?.id ?? '';
    const isResumed = resumedSessionId !== undefined && !isAdopted;
    const patience = { isPassing: isConnectionFault, limitMs: OUTAGE_MS, abortSignal };
    // Before anything that may wait for the link: the lease runs meanwhile.
    keepServerAlive(server, { leaseMs: options.agentLeaseMs, emit, abortSignal: watching.signal });
    const lastMessageId = isResumed ? await outlastLink(newest, patience) : context.lastMessageId;
    await context.onServer(server, { opencodeSessionId, lastMessageId });
    const url = sessionUrl(server.localPort, workspace.workdir, opencodeSessionId);
    const { onPermission, onQuestion } = options;
    const requests = createAgentRequests({ client, onPermission, onQuestion, emit, isAdopted });
    const watch = watchActivity({
      client,
      opencodeSessionId,
      isAdopted,
      abortSignal: watching.signal,
      onEvent: (event) => requests.heed(event),
      onIdle: context.onIdle,
      stallLimitMs: options.stallLimitMs ?? STALL_LIMIT_MS,
      onRetry: (message) =>
        emit({
          type: 'warning',
          code: 'MODEL_RETRY',
          message: `The model did not answer and is asked again: ${message}`,
        }),
    });
    const prompt = (text: string, own: Partial<SendContext> = {}): Promise<void> =>
      client.prompt(opencodeSessionId, { text, ...own, ...(model !== undefined && { model: splitModel(model) }) });
    const agent: OpencodeAgent = {
      server,
      opencodeSessionId,
      url,
      whenIdle: watch.whenIdle,
      attend: watch.attend,
      modelFailure: watch.modelFailure,
      exited: server.exited,
      activity: watch.activity,
      sendToAgent: prompt,
      outputTail: () => server.outputTail(),
      stop: async () => {
        watching.abort();
        emit({ type: 'progress', step: 'stop', message: 'Ending opencode' });
        // A turn that is over has no tools to end, and whatever they left behind carries the run's id.
        await server.stop({ until: 'ended', ...(watch.isIdle() && { disposeMs: 0 }) });
      },
      leave: async () => {
        watching.abort();
        await server.leave();
      },
    };
    context.onAgent(agent);
    emit({
      type: 'live',
      url,
      version: server.version,
      opencodeSessionId,
      isConfined: server.isConfined,
      widgetData: widgetData(workspace.workdir, opencodeSessionId),
    });
    // Of one that is adopted nobody knows whether it was sent off: where it was not, nothing was said since it came back.
    const isSentOff = isAdopted && (await outlastLink(newest, patience)) !== (lastMessageId ?? '');
    if (options.autoStart === true && !isSentOff) {
      await prompt(sendOffPrompt(lastMessageId === undefined ? 'fresh' : 'resumed', options.message), { abortSignal });
    }
    return agent;
  } catch (error) {
    watching.abort();
    // One that runs already is ended when its session ends, and not because it does not answer.
    if (adopt === undefined) await server.stop();
    throw error;
  }
}
