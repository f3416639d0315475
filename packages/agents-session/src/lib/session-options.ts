import type { LogProtocol } from '@optio-ts/agents-prompt';
import type { Host, ProcessExit, Workspace } from '@optio-ts/host-core';

import type { EventStream } from './event-stream.ts';
import type { AgentEvent, Deliverable, EventBody, EventEnvelope, LogPosition } from './events.ts';
import type { HookContext } from './hook-context.ts';
import type { AgentActivity } from './idle-policy.ts';
import type { DecidedOutcome, SessionOutcome } from './outcome.ts';
import type { SessionLease } from './session-lease.ts';

/** What `sendToAgent` is given beside the text. */
export interface SendContext {
  /** Aborted when the message takes longer than 30 seconds, and when the agent is to be stopped. */
  readonly abortSignal: AbortSignal;
}

/** An agent that runs, as `launch` hands it over. */
export interface LaunchedAgent {
  /** Settles when the agent's process has ended; rejects when nobody can say any more whether it has. */
  readonly exited: Promise<ProcessExit>;
  /**
   * Says something to the agent; one message at a time. Absent: it cannot be spoken to, and gets no answers and no reminders. A message
   * that does not get through is a warning `AGENT_NOT_REACHED` and ends nothing.
   */
  readonly sendToAgent?: (text: string, context: SendContext) => Promise<void>;
  /** What the agent's own interface tells about it. Absent: only its exit and the deadline end a silent session. */
  readonly activity?: AsyncIterable<AgentActivity>;
  /** What its model failed with last, in its own words; `undefined` once something else has come from it. Told with an exit and a deadline. */
  readonly modelFailure?: () => string | undefined;
  /**
   * Ends the agent with everything it started, and resolves when that is certain. Called also when it has exited, and again when
   * the link was lost meanwhile.
   */
  readonly stop: () => Promise<void>;
  /** Lets go of an agent that goes on under another worker. */
  readonly leave?: () => Promise<void>;
  /** The end of what its process printed, without secrets: shown when it exits too early. */
  readonly outputTail?: () => Promise<string>;
}

/** What `launch` is given. */
export interface LaunchContext {
  /** Variables for the agent: `BROWSER` and `PATH` of the shims. Empty in ignore mode and for an adopted session. */
  readonly env: Readonly<Record<string, string>>;
  /** Aborted when the session ends before the agent has started; for an adopted one when it takes longer than `limits.stopMs` then. */
  readonly abortSignal: AbortSignal;
  /** Adds an event of the harness to the session's. */
  readonly emit: (body: EventBody<AgentEvent>) => void;
}

/** What the steps at the end are given. */
export interface EndContext {
  /** `undefined` when it never started. */
  readonly agent: LaunchedAgent | undefined;
  /**
   * Whether the agent is known to be gone: it never started, or `stop()` succeeded. Keep its directory otherwise. Not known of one that
   * `launch` has not found, and while `launch` goes on though it was given up.
   */
  readonly isAgentStopped: boolean;
  /** How the session ends. In `beforeStop` still without what goes wrong after it. */
  readonly outcome: SessionOutcome;
  /** Adds an event of the harness to the session's. */
  readonly emit: (body: EventBody<AgentEvent>) => void;
  /** Aborted when the step takes longer than its limit. Nothing else aborts it: a cancel does not. */
  readonly abortSignal: AbortSignal;
}

/** The caller's code at fixed points of a session. */
export interface AgentSessionHooks {
  /** Before the agent starts. Throwing fails the session; `afterExecute` still runs. Not called for an adopted session. */
  readonly beforeExecute?: (context: HookContext) => void | Promise<void>;
  /**
   * For each accepted deliverable, one at a time in the order of the log; the event follows when it has returned. A text that it
   * returns is said to the agent. Throwing rejects the deliverable and does not end the session. The end of the session waits
   * for it within `limits.drainMs`.
   *
   * Once for each line of the log. An agent that edits the log in the middle writes the lines behind that place anew, and one that
   * announces a file again means it: go by the content where something must not be done twice.
   */
  readonly onDeliverable?: (
    context: HookContext,
    deliverable: Deliverable,
  ) => string | undefined | void | Promise<string | undefined | void>;
  /** After the agent was stopped, however the session ended. Throwing fails a session that would be done. */
  readonly afterExecute?: (context: HookContext) => void | Promise<void>;
}

/** Milliseconds that the steps of a session may take. Each has its own clock. */
export interface SessionLimits {
  /** `beforeExecute` and `launch`, each: a binary may have to be fetched first. @default 1_800_000 */
  readonly startMs?: number;
  /** Reading the log after an exit, and deliverables that hooks and listeners still read; counted from their last progress. @default 60_000 */
  readonly drainMs?: number;
  /** The same after a cancel, the deadline or a loss. @default 5_000 */
  readonly cancelDrainMs?: number;
  /** `beforeStop`. @default 120_000 */
  readonly beforeStopMs?: number;
  /** `LaunchedAgent.stop`. @default 30_000 */
  readonly stopMs?: number;
  /** `afterExecute`. @default 60_000 */
  readonly afterExecuteMs?: number;
  /** `teardown`. @default 600_000 */
  readonly teardownMs?: number;
}

/** Options of `runAgentSession`. */
export interface RunAgentSessionOptions<Event extends EventEnvelope = AgentEvent> {
  readonly host: Host;
  /** The directories of the session; they must exist. Stays the caller's: `teardown` is the place to remove it. */
  readonly workspace: Pick<Workspace, 'workdir'>;
  readonly protocol: LogProtocol;
  /** Starts every event's id. */
  readonly sessionId: string;
  /**
   * Starts the agent in the workdir, or finds the one that runs. When it rejects, nothing of what it started may be left. Called for an
   * adopted session that is to end too: its agent must be found to be stopped.
   */
  readonly launch: (context: LaunchContext) => Promise<LaunchedAgent>;
  readonly hooks?: AgentSessionHooks;
  /** Runs while the agent is still alive, however the session ends. A failure is a problem of the outcome. */
  readonly beforeStop?: (context: EndContext) => void | Promise<void>;
  /** Runs last: after the agent was stopped, `afterExecute` and the reading of deliverables. A failure is a problem of the outcome. */
  readonly teardown?: (context: EndContext) => void | Promise<void>;
  /** Where the events go. It stays open at the end. @default one of the session's own */
  readonly stream?: EventStream<Event>;
  /** The worker's fencing number, part of event ids. @default 0 */
  readonly fencing?: number;
  /**
   * Adopts a session whose agent still runs: the log is read from here, the workdir is left as it is and `beforeExecute` is not
   * called. @default a new run
   */
  readonly log?: LogPosition;
  /**
   * Of an adopted session: how a worker that died meanwhile had decided that it ends. The rest of its log still becomes events, and
   * then it is ended so. @default it goes on
   */
  readonly decided?: DecidedOutcome;
  /**
   * Whose session it is, where several workers share them. Once it is another's, or the link was lost for longer than
   * `reconnectLimitMs`, this one ends as `lost` and touches neither agent nor directory, for whoever takes the session up: `beforeStop`,
   * `stop`, `afterExecute` and `teardown` are not called, but `leave` is. @default this worker's, for good
   */
  readonly lease?: SessionLease;
  /**
   * Whether the caller has written what `agentSessionFiles` names into a fresh workdir, in a trip of its own. Then nothing is
   * written, rotated or added to `resume.log` here. @default false
   */
  readonly isPrepared?: boolean;
  /** The `PATH` of the host, when it is known: saves a round trip together with `isPrepared`. @default asked for when it is needed */
  readonly hostPath?: string;
  /** A line for `resume.log`, as `formatResumeLogLine` makes it. @default none */
  readonly resumeLogLine?: string;
  /**
   * Where to start reading if this worker dies: every event before has been handled by the hooks and by each attached listener.
   * Never goes past the DONE or ERROR that ends the session. One call at a time; positions in between may be left out.
   */
  readonly onOffset?: (position: LogPosition) => void | Promise<void>;
  /** Milliseconds after which the session fails, setup included. At most 2_147_483_647. @default no limit */
  readonly deadlineMs?: number;
  /**
   * Milliseconds of `deadlineMs` that are over already: the caller's own preparation, or an earlier worker's time. Less than 0, as a clock
   * that was set back makes it, counts as 0. @default 0
   */
  readonly elapsedMs?: number;
  /** What to do about an agent that stops without DONE or ERROR; needs `LaunchedAgent.activity`. @default 'remind' */
  readonly onIdle?: 'remind' | 'ignore';
  /** Milliseconds of idleness before each step: reminder, attention, failure. @default 60_000 */
  readonly idleLimitMs?: number;
  /** Bytes that one deliverable may have. @default 1 GiB */
  readonly maxDeliverableBytes?: number;
  /** Whether accepted deliverables are answered too; each answer costs the agent a turn. @default false */
  readonly answerAccepted?: boolean;
  /** Milliseconds without a link before the log counts as lost. @default 300_000 */
  readonly reconnectLimitMs?: number;
  /** Milliseconds between looks at the log; three times as many when it says nothing for half a minute. @default 30 */
  readonly logPollMs?: number;
  readonly limits?: SessionLimits;
  /** Cancels the session as `cancel()` does. */
  readonly abortSignal?: AbortSignal;
}
