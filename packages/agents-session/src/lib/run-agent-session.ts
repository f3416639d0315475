import { timeLeftMs } from './bounded.ts';
import { checkSessionOptions } from './check-session-options.ts';
import { createEndings } from './endings.ts';
import { describeAbort } from './errors.ts';
import { createEventStream } from './event-stream.ts';
import type { EventStream } from './event-stream.ts';
import type { AgentEvent, EventEnvelope } from './events.ts';
import type { SessionOutcome } from './outcome.ts';
import type { RunAgentSessionOptions } from './session-options.ts';
import { runSession } from './session-run.ts';

/** A session that runs. */
export interface AgentSession<Event extends EventEnvelope = AgentEvent> {
  /**
   * What happens, in order. Nothing is lost before the first iteration, and any number of iterations may run; see `EventStream`
   * for what a slow one may miss. Ends after `ended`, unless the stream is the caller's.
   */
  readonly events: AsyncIterable<Event>;
  /** How it ended. Never rejects. */
  readonly result: Promise<SessionOutcome>;
  /**
   * Ends the session within its limits, unless it is ending already. Resolves as `result` does: a hook may call it, and must not wait
   * for it, since the end waits for the hook.
   */
  cancel(reason?: string): Promise<SessionOutcome>;
}

/**
 * Runs one session of any agent that keeps the log protocol: prepares the workdir, starts the agent, turns its log into events,
 * hands over deliverables, and ends it. Returns at once; a caller's mistake is a `TypeError`.
 */
export function runAgentSession<Event extends EventEnvelope = AgentEvent>(
  options: RunAgentSessionOptions<Event>,
): AgentSession<Event> {
  checkSessionOptions(options);
  const { sessionId, fencing = 0, abortSignal, deadlineMs, elapsedMs = 0 } = options;
  const stream = options.stream ?? createEventStream<Event>({ sessionId, fencing });
  const endings = createEndings();
  // What this package emits is part of any wider union of events.
  const agentStream = stream as unknown as EventStream;

  const cancelBySignal = (): void => endings.add({ type: 'cancelled', message: describeAbort(abortSignal?.reason) });
  if (abortSignal?.aborted === true) cancelBySignal();
  else abortSignal?.addEventListener('abort', cancelBySignal, { once: true });
  const deadline =
    deadlineMs === undefined
      ? undefined
      : setTimeout(() => endings.add({ type: 'deadline', deadlineMs }), timeLeftMs(deadlineMs, elapsedMs));
  void endings.first.then(() => clearTimeout(deadline));

  // Timers and the signal are armed before the first step.
  const result = (async (): Promise<SessionOutcome> => {
    const outcome = await runSession(options as unknown as RunAgentSessionOptions, agentStream, endings);
    agentStream.emit({ type: 'ended', outcome });
    if (options.stream === undefined) stream.end();
    // Listened to until here: a cancel that comes while the end waits for readers takes its patience away.
    abortSignal?.removeEventListener('abort', cancelBySignal);
    return outcome;
  })();

  return {
    events: stream.events,
    result,
    cancel: (reason) => {
      endings.add({ type: 'cancelled', message: reason });
      return result;
    },
  };
}
