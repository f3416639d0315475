import { describeExit } from '@optio-ts/host-core';
import type { ProcessExit } from '@optio-ts/host-core';

/** How a session ended, in one word. */
export type SessionState = 'done' | 'failed' | 'cancelled' | 'lost';

/** Why it ended so. */
export type SessionEndReason =
  /** The agent wrote DONE. */
  | 'agent-done'
  /** The agent wrote ERROR. */
  | 'agent-error'
  /** The agent's process ended before either. */
  | 'agent-exited'
  /** The agent stopped working before either, and neither a reminder nor attention helped. */
  | 'agent-idle'
  /** The agent's model failed: it exited then, or neither a reminder nor attention helped. */
  | 'model-failed'
  /** `cancel()` or the abort signal. */
  | 'cancelled'
  /** `deadlineMs` ran out. */
  | 'deadline'
  /** Preparing the workdir, `beforeExecute` or `launch` failed. */
  | 'setup-failed'
  /** All went well until `afterExecute` threw. */
  | 'after-execute-failed'
  /** The log cannot be read any more, so nobody knows what the agent says. */
  | 'log-lost'
  /** Nobody can say whether the agent still runs. */
  | 'agent-lost'
  /** Another worker has the session: it tells how it ends, and nothing of it was touched here. */
  | 'taken-over'
  /** Whose session it is could not be found out at its end: nothing of it was touched, and whoever takes it up goes on with it. */
  | 'owner-unknown';

/** A step that failed without deciding how the session ended. */
export interface SessionProblem {
  /** For instance `stop`, `teardown`. */
  readonly step: string;
  readonly message: string;
}

/** How a session ended. */
export interface SessionOutcome {
  readonly state: SessionState;
  readonly reason: SessionEndReason;
  /** The agent's own words, or what went wrong. `undefined` when there is nothing to say. */
  readonly message: string | undefined;
  /** How the agent's process ended, when it ended by itself. */
  readonly exit: ProcessExit | undefined;
  /** What failed on the way to this end; empty when all went well. */
  readonly problems: readonly SessionProblem[];
  /** What was thrown when that is why it failed or was lost: by a hook, `launch`, or the host. Otherwise absent. */
  readonly error?: unknown;
}

/** The part of an outcome that a worker writes down before it acts on it, so that the next one ends the session in the same way. */
export type DecidedOutcome = Pick<SessionOutcome, 'state' | 'reason' | 'message'>;

/** Something that ends a session. */
export type SessionEnding =
  | { readonly type: 'done'; readonly summary: string | undefined }
  | { readonly type: 'error'; readonly message: string | undefined }
  /** Added only when the log has been read to its end after the exit. */
  | { readonly type: 'exited'; readonly exit: ProcessExit; readonly outputTail?: string }
  | { readonly type: 'agent-lost'; readonly message: string; readonly error?: unknown }
  | { readonly type: 'log-lost'; readonly message: string; readonly error?: unknown }
  | { readonly type: 'cancelled'; readonly message: string | undefined }
  | { readonly type: 'deadline'; readonly deadlineMs: number }
  /** With `modelFailure`, the model's own words: it stopped because its model failed. */
  | { readonly type: 'idle'; readonly message: string; readonly modelFailure?: string }
  /** A worker that died had decided it already. */
  | { readonly type: 'decided'; readonly outcome: DecidedOutcome }
  | { readonly type: 'disowned'; readonly isTaken: boolean; readonly message: string; readonly error?: unknown }
  | { readonly type: 'setup-failed'; readonly message: string; readonly error?: unknown };

/** What `decideOutcome` decides on. */
export interface SessionFacts {
  /** In the order in which they came. More than one is normal: an agent that is cancelled also exits. */
  readonly endings: readonly SessionEnding[];
  /** What went wrong in `afterExecute`; `undefined` when nothing did. */
  readonly afterExecuteError: string | undefined;
  /** What `afterExecute` has thrown. @default nothing: it took too long, and not for a lost link */
  readonly afterExecuteCause?: unknown;
  /** What the model failed with last, in its own words, if nothing else has come from it since. @default nothing */
  readonly modelFailure?: string | undefined;
  readonly problems: readonly SessionProblem[];
}

// An exit, and a log or agent that got lost, say nothing about the work: whatever else is known goes before them.
const WEAK: readonly SessionEnding['type'][] = ['exited', 'log-lost', 'agent-lost'];

/**
 * Decides how a session ended.
 *
 * The first thing counts that says something about the work: what the agent wrote, a cancel, the deadline, the idle limit, a
 * failed start. So a DONE that was read before a cancel is done, and one that an agent writes while it is being cancelled is
 * not. Only without any of these, the first exit or loss counts; neither is ever `done`. A failing `afterExecute` makes a
 * session fail that would be done, and is a problem of any other. What was decided before stays; a session that is no longer ours is `lost`, whatever else is known.
 */
export function decideOutcome(facts: SessionFacts): SessionOutcome {
  const { endings, afterExecuteError, afterExecuteCause: error, modelFailure, problems } = facts;
  const ending =
    endings.find(({ type }) => type === 'disowned') ??
    endings.find(({ type }) => type === 'decided') ??
    endings.find(({ type }) => !WEAK.includes(type)) ??
    endings[0];
  const exit = endings.find((candidate) => candidate.type === 'exited')?.exit;
  const decided = judge(ending, modelFailure);
  if (afterExecuteError === undefined) return { ...decided, exit, problems };
  const message = `afterExecute threw: ${afterExecuteError}`;
  if (decided.state === 'done') {
    const cause = error === undefined ? undefined : { error };
    return { state: 'failed', reason: 'after-execute-failed', message, exit, problems, ...cause };
  }
  return { ...decided, exit, problems: [...problems, { step: 'afterExecute', message }] };
}

function judge(
  ending: SessionEnding | undefined,
  modelFailure: string | undefined,
): Pick<SessionOutcome, 'state' | 'reason' | 'message' | 'error'> {
  switch (ending?.type) {
    case 'done':
      return { state: 'done', reason: 'agent-done', message: ending.summary };
    case 'error':
      return {
        state: 'failed',
        reason: 'agent-error',
        message: ending.message ?? 'The agent wrote ERROR without a reason',
      };
    case 'exited':
      return {
        state: 'failed',
        reason: modelFailure === undefined ? 'agent-exited' : 'model-failed',
        message: describeEarlyExit(ending, modelFailure),
      };
    case 'cancelled':
      return { state: 'cancelled', reason: 'cancelled', message: ending.message };
    case 'deadline':
      return {
        state: 'failed',
        reason: 'deadline',
        message: `The session took longer than its deadline of ${ending.deadlineMs} ms${
          modelFailure === undefined ? '' : `; its model failed meanwhile: ${modelFailure}`
        }`,
      };
    case 'idle':
      return {
        state: 'failed',
        reason: ending.modelFailure === undefined ? 'agent-idle' : 'model-failed',
        message: ending.message,
      };
    case 'setup-failed':
      return { state: 'failed', reason: 'setup-failed', ...explain(ending) };
    case 'log-lost':
      return { state: 'lost', reason: 'log-lost', ...explain(ending) };
    case 'agent-lost':
      return { state: 'lost', reason: 'agent-lost', ...explain(ending) };
    case 'decided':
      return ending.outcome;
    case 'disowned':
      return { state: 'lost', reason: ending.isTaken ? 'taken-over' : 'owner-unknown', ...explain(ending) };
    case undefined:
      return { state: 'lost', reason: 'agent-lost', message: 'The session ended for an unknown reason' };
    default:
      return ending satisfies never;
  }
}

function explain({ message, error }: { readonly message: string; readonly error?: unknown }): {
  readonly message: string;
  readonly error?: unknown;
} {
  return error === undefined ? { message } : { message, error };
}

function describeEarlyExit(
  { exit, outputTail = '' }: Extract<SessionEnding, { readonly type: 'exited' }>,
  modelFailure: string | undefined,
): string {
  const message = `The agent ${describeExit(exit)} before it wrote DONE${
    modelFailure === undefined ? '' : `; its model had failed: ${modelFailure}`
  }`;
  return outputTail === '' ? message : `${message}\n\n${outputTail}`;
}
