import { EventHistory } from './event-history.ts';
import type { AgentEvent, EventBody, EventEnvelope, LogPosition, WarningEvent } from './events.ts';

/** Options of `createEventStream`. */
export interface CreateEventStreamOptions {
  readonly sessionId: string;
  /** The worker's fencing number, part of the ids of what the harness says. @default 0 */
  readonly fencing?: number;
  /** Characters, roughly, that are kept for listeners that come late or are slow. @default 1_000_000 */
  readonly maxKeptCharacters?: number;
  /** The clock. @default the system's */
  readonly now?: () => Date;
}

/**
 * The events of one session: emitted once, read by any number of listeners.
 *
 * Each iteration of `events` is a listener and begins with the first event that is still kept. Emitting never waits. What is kept
 * is bounded: when a listener is too late, the oldest `status`, `log` and `progress` events go first, and it gets a warning
 * `EVENTS_DROPPED` in the place of those it missed.
 */
export interface EventStream<Event extends EventEnvelope = AgentEvent> {
  readonly sessionId: string;
  /** Ends when the stream has ended and everything was handed out. Leaving the loop ends the listener, not the stream. */
  readonly events: AsyncIterable<Event>;
  /** How many events there were. The event that was emitted last has this number less one. */
  readonly count: number;
  /** So many events have been handled by every listener that is attached: each has asked for a later one. `count` without listeners. */
  readonly handled: number;
  /** Emits what the harness says. After `end()` it is dropped. */
  emit(body: EventBody<Event>): Event;
  /** Emits what the agent wrote at a position of its log. After `end()` it is dropped. */
  emitLogged(position: LogPosition, body: EventBody<Event>): Event;
  /** Calls `listener` whenever `handled` may have changed, until the function it returns is called. */
  onHandled(listener: () => void): () => void;
  /** No more events will come. Idempotent. */
  end(): void;
}

/** Creates the stream that a session's events go through. Give it to `runAgentSession` to add events of your own to it. */
export function createEventStream<Event extends EventEnvelope = AgentEvent>(
  options: CreateEventStreamOptions,
): EventStream<Event> {
  const { sessionId, fencing = 0, maxKeptCharacters = 1_000_000, now = () => new Date() } = options;
  if (!(maxKeptCharacters > 0)) {
    throw new TypeError(`maxKeptCharacters must be a positive number: got ${maxKeptCharacters}`);
  }
  const history = new EventHistory<Event>({
    limit: maxKeptCharacters,
    weigh: weighEvent,
    isExpendable: (event) => 'type' in event && EXPENDABLE.includes(event.type),
  });
  const listeners = new Set<Listener>();
  const watchers = new Set<() => void>();
  let spoken = 0;
  let hasEnded = false;

  const emit = (id: string, body: EventBody<Event>): Event => {
    // The envelope and the rest of an event are an event.
    const event = { ...body, id, sessionId, at: now() } as unknown as Event;
    if (!hasEnded) {
      history.push(event);
      for (const { wake } of listeners) wake();
    }
    return event;
  };

  const notify = (): void => {
    for (const watcher of watchers) watcher();
  };

  const describeGap = (from: number, to: number): Event => {
    const gap: WarningEvent = {
      id: `${sessionId}:dropped:${from}-${to - 1}`,
      sessionId,
      at: now(),
      type: 'warning',
      code: 'EVENTS_DROPPED',
      message: `${to - from} events were dropped because this listener was too slow or too late`,
    };
    return gap as unknown as Event;
  };

  const listen = (): AsyncIterator<Event, undefined> => {
    const listener: Listener = { cursor: 0, handled: 0, wake: () => undefined };
    listeners.add(listener);
    let isOver = false;
    let previous: Promise<unknown> = Promise.resolve();
    const close = (): IteratorResult<Event, undefined> => {
      isOver = true;
      listeners.delete(listener);
      listener.wake();
      notify();
      return { done: true, value: undefined };
    };
    const advance = async (): Promise<IteratorResult<Event, undefined>> => {
      listener.handled = listener.cursor;
      notify();
      while (!isOver) {
        const entry = history.from(listener.cursor);
        if (entry !== undefined) {
          const from = listener.cursor;
          if (entry.sequence > from) {
            listener.cursor = entry.sequence;
            return { done: false, value: describeGap(from, entry.sequence) };
          }
          listener.cursor = entry.sequence + 1;
          return { done: false, value: entry.event };
        }
        if (hasEnded) break;
        await new Promise<void>((resolve) => {
          listener.wake = resolve;
        });
      }
      return close();
    };
    return {
      // Calls that overlap are answered in order.
      next: () => {
        const result = previous.then(advance);
        previous = result;
        return result;
      },
      return: () => Promise.resolve(close()),
    };
  };

  return {
    sessionId,
    events: { [Symbol.asyncIterator]: listen },
    get count() {
      return history.nextSequence;
    },
    get handled() {
      return Math.min(history.nextSequence, ...[...listeners].map(({ handled }) => handled));
    },
    emit: (body) => {
      const id = `${sessionId}:w${fencing}:${spoken}`;
      spoken += 1;
      return emit(id, body);
    },
    emitLogged: ({ generation, offset }, body) => emit(`${sessionId}:${generation}:${offset}`, body),
    onHandled: (listener) => {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    end: () => {
      hasEnded = true;
      for (const { wake } of listeners) wake();
    },
  };
}

interface Listener {
  /** The sequence number to hand out next. */
  cursor: number;
  handled: number;
  wake: () => void;
}

const EXPENDABLE: readonly unknown[] = ['status', 'log', 'progress'];

/** Roughly the characters an event takes: its texts, and a flat rate for the object itself. */
function weighEvent(event: EventEnvelope): number {
  let weight = 300;
  for (const value of Object.values(event)) if (typeof value === 'string') weight += value.length;
  if ('data' in event) weight += JSON.stringify(event.data)?.length ?? 0;
  return weight;
}
