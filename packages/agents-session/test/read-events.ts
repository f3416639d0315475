import type { AgentEvent } from '../src/lib/events.ts';

/** What kinds of events there were, in order. */
export const typesOf = (events: readonly AgentEvent[]): string[] => events.map(({ type }) => type);

/** Reads events up to the first of a type. */
export async function firstOf(events: AsyncIterable<AgentEvent>, type: AgentEvent['type']): Promise<AgentEvent> {
  for await (const event of events) if (event.type === type) return event;
  throw new Error(`The session ended without a ${type} event`);
}
