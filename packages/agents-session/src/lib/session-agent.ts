import { composeIdleReminder } from '@optio-ts/agents-prompt';
import type { KeywordName } from '@optio-ts/agents-prompt';
import { outlastLink } from '@optio-ts/host-core';
import type { ProcessExit } from '@optio-ts/host-core';

import { createAgentMail } from './agent-mail.ts';
import type { AgentMail } from './agent-mail.ts';
import { boundedStep } from './bounded.ts';
import { messageOf } from './errors.ts';
import type { IdleAction } from './idle-policy.ts';
import { watchIdle } from './idle-watch.ts';
import type { SessionKit } from './session-kit.ts';
import type { LaunchedAgent } from './session-options.ts';

/** Milliseconds that a message to the agent, or its last output, may take. */
const MESSAGE_MS = 30_000;

/** What the agent's side of a session needs to know of its log. */
interface AgentLogView {
  readonly nearMiss: KeywordName | undefined;
  readToEnd(limitMs: number): Promise<boolean>;
}

/** The agent of a running session. */
export interface SessionAgent {
  /** `undefined` until it has started. */
  readonly agent: LaunchedAgent | undefined;
  /** Whether no agent is left: it never started, or was stopped for certain. */
  readonly isStopped: boolean;
  /** What its model failed with last, if it says so. */
  readonly modelFailure: string | undefined;
  readonly mail: AgentMail;
  /** Starts the agent, or finds it, and takes it over. */
  begin(launch: () => Promise<LaunchedAgent>, log: AgentLogView): Promise<void>;
  /** Says something at once; resolves with whether it got through. */
  say(text: string): Promise<boolean>;
  stop(): Promise<void>;
  /** Leaves the agent to another worker. */
  letGo(): Promise<void>;
}

/** Creates the agent's side of one session. */
export function createSessionAgent(kit: SessionKit): SessionAgent {
  const { options, stream, endings, limits } = kit;
  let agent: LaunchedAgent | undefined;
  // That of a session which is adopted runs already, found or not.
  let isStopped = options.log === undefined;
  let isLaunching = false;
  let isStopping = false;
  let isLeft = false;
  /** Aborted when nothing is said to the agent any more. */
  const ending = new AbortController();
  const hangUp = (): void => {
    isStopping = true;
    mail.close();
    ending.abort(new Error('The session is ending'));
  };
  const sender = (): LaunchedAgent['sendToAgent'] => (isStopping ? undefined : agent?.sendToAgent);
  const say = async (text: string): Promise<boolean> => {
    const send = sender();
    if (send === undefined) return false;
    const problem = await boundedStep(MESSAGE_MS, async (late) =>
      send(text, { abortSignal: AbortSignal.any([late, ending.signal]) }),
    );
    // Of one that the end has overtaken nobody needs to hear.
    if (problem !== undefined && !isStopping)
      kit.warn('AGENT_NOT_REACHED', `The agent did not get a message: ${problem.message}`);
    return problem === undefined;
  };
  const mail = createAgentMail({ canSend: () => sender() !== undefined, send: say });

  const onExit = async (launched: LaunchedAgent, log: AgentLogView, exit: ProcessExit): Promise<void> => {
    // The log is read to its end first: a DONE that was written just before the exit is a DONE.
    const isRead = await log.readToEnd(limits.drainMs);
    if (!isRead) kit.fail('log', `was not read to its end within ${limits.drainMs} ms of the agent's exit`);
    const outputTail = endings.signal.aborted ? undefined : await readOutputTail(launched);
    endings.add({ type: 'exited', exit, ...(outputTail !== undefined && { outputTail }) });
  };

  const readOutputTail = async (launched: LaunchedAgent): Promise<string | undefined> => {
    let tail: string | undefined;
    const problem = await boundedStep(MESSAGE_MS, async () => {
      tail = await launched.outputTail?.();
    });
    if (problem !== undefined) kit.fail('outputTail', problem.message);
    return tail;
  };

  const act = (action: IdleAction, log: AgentLogView): void => {
    if (action.type === 'attention') stream.emit({ type: 'attention', reason: action.reason });
    else if (action.type === 'fail') {
      const { message, failure } = action;
      endings.add({ type: 'idle', message, ...(failure !== undefined && { modelFailure: failure }) });
    } else {
      const message = 'The agent stopped without DONE or ERROR and is reminded';
      stream.emit({ type: 'progress', step: 'idle', message });
      mail.say(composeIdleReminder({ resembles: log.nearMiss, failure: action.failure }));
    }
  };

  const attend = (launched: LaunchedAgent, log: AgentLogView): void => {
    agent = launched;
    isStopped = false;
    launched.exited.then(
      ({ exitCode, signal }) => {
        // What `stop` brought about says nothing: the session is over already.
        if (!isStopping) void onExit(launched, log, { exitCode, signal });
      },
      (error: unknown) => {
        const message = `Nobody can say whether the agent still runs: ${messageOf(error)}`;
        // What it wrote last counts, if it can still be read.
        void log.readToEnd(limits.drainMs).then(() => endings.add({ type: 'agent-lost', message, error }));
      },
    );
    mail.resume();
    if (launched.activity === undefined || options.onIdle === 'ignore') return;
    void watchIdle({
      activity: launched.activity,
      limitMs: options.idleLimitMs ?? 60_000,
      canRemind: () => sender() !== undefined,
      act: (action) => act(action, log),
      onFailure: (message) => kit.warn('ACTIVITY_LOST', `The agent's own signal broke off: ${message}`),
      abortSignal: endings.signal,
    });
  };

  return {
    get agent() {
      return agent;
    },
    get isStopped() {
      return isStopped && !isLaunching;
    },
    get modelFailure() {
      try {
        return agent?.modelFailure?.();
      } catch (error) {
        kit.warn('ACTIVITY_LOST', `The agent does not say whether its model failed: ${messageOf(error)}`);
        return undefined;
      }
    },
    mail,
    say,
    begin: async (launch, log) => {
      isLaunching = true;
      try {
        const launched = await launch();
        if (typeof launched?.exited?.then !== 'function' || typeof launched.stop !== 'function') {
          throw new TypeError('launch must resolve with an agent: { exited, a promise, and stop, a function }');
        }
        // Given up on, and here after all: another worker's, or nobody else would end it. Nobody waits for its exit.
        if (isStopping) launched.exited.catch(() => undefined);
        if (isLeft) await launched.leave?.();
        else if (isStopping) await launched.stop();
        else attend(launched, log);
      } finally {
        isLaunching = false;
      }
    },
    stop: async () => {
      hangUp();
      const running = agent;
      if (running === undefined) return;
      isStopped = await kit.step('stop', limits.stopMs, async (abortSignal) =>
        outlastLink(async () => running.stop(), { abortSignal }),
      );
    },
    letGo: async () => {
      hangUp();
      isLeft = true;
      const running = agent;
      if (running?.leave !== undefined) await kit.step('leave', limits.stopMs, async () => running.leave?.());
    },
  };
}
