import { boundedStep } from './bounded.ts';
import { drainUntil } from './drain-until.ts';
import type { Endings } from './endings.ts';
import type { EventStream } from './event-stream.ts';
import type { AgentEvent, EventBody, LogPosition } from './events.ts';
import type { SessionProblem } from './outcome.ts';
import type { RunAgentSessionOptions, SessionLimits } from './session-options.ts';

const DEFAULT_LIMITS: Required<SessionLimits> = {
  startMs: 1_800_000,
  drainMs: 60_000,
  cancelDrainMs: 5000,
  beforeStopMs: 120_000,
  stopMs: 30_000,
  afterExecuteMs: 60_000,
  teardownMs: 600_000,
};

/** Where a running session's events go: its stream, until its end. */
interface SessionStream extends Pick<EventStream, 'count' | 'handled' | 'onHandled'> {
  emit(body: EventBody<AgentEvent>): void;
  emitLogged(position: LogPosition, body: EventBody<AgentEvent>): void;
}

/** What every part of a running session shares. */
export interface SessionKit {
  readonly options: RunAgentSessionOptions;
  readonly stream: SessionStream;
  readonly endings: Endings;
  readonly limits: Required<SessionLimits>;
  /** What failed so far. */
  readonly problems: readonly SessionProblem[];
  /** Emits a warning. */
  warn(code: string, message: string): void;
  /** Keeps a problem for the outcome and emits it as a warning. */
  fail(step: string, message: string): void;
  /** Runs one bounded step of the end; its failure is a problem. Resolves with whether it went well. */
  step(step: string, limitMs: number, run: (abortSignal: AbortSignal) => Promise<unknown>): Promise<boolean>;
  /** Waits for readers that still make progress, with less patience after a cancel. Not to get there is a problem. */
  drain(step: string, isDone: () => boolean): Promise<void>;
  /** Tells `drain` that something has moved. */
  notifyChange(): void;
  /** The session has ended. What a hook or a check that was given up says after it would come behind `ended`, and is dropped. */
  close(): void;
}

/** Puts together what the parts of one session share. */
export function createSessionKit(options: RunAgentSessionOptions, given: EventStream, endings: Endings): SessionKit {
  const limits = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(limits) as (keyof SessionLimits)[])
    limits[name] = options.limits?.[name] ?? limits[name];
  const problems: SessionProblem[] = [];
  const listeners = new Set<() => void>();
  let isOver = false;
  const stream: SessionStream = {
    get count() {
      return given.count;
    },
    get handled() {
      return given.handled;
    },
    onHandled: (listener) => given.onHandled(listener),
    emit: (body) => void (isOver || given.emit(body)),
    emitLogged: (position, body) => void (isOver || given.emitLogged(position, body)),
  };
  const warn = (code: string, message: string): void => {
    stream.emit({ type: 'warning', code, message });
  };
  const fail = (step: string, message: string): void => {
    problems.push({ step, message });
    warn('STEP_FAILED', `${step}: ${message}`);
  };
  return {
    options,
    stream,
    endings,
    limits,
    problems,
    warn,
    fail,
    step: async (step, limitMs, run) => {
      const problem = await boundedStep(limitMs, run);
      if (problem !== undefined) fail(step, problem.message);
      return problem === undefined;
    },
    drain: async (step, isDone) => {
      const isDrained = await drainUntil({
        isDone,
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        patienceMs: limits.drainMs,
        hurry: endings.hurry,
        hurryMs: limits.cancelDrainMs,
      });
      if (!isDrained) fail(step, 'not everything was taken in time');
    },
    notifyChange: () => {
      for (const listener of listeners) listener();
    },
    close: () => {
      isOver = true;
    },
  };
}
