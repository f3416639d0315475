import type { AgentSessionHooks } from '@optio-ts/agents-session';

import { openDeliverableWriter } from './deliverable-writer.ts';
import type { DeliverableWriter } from './deliverable-writer.ts';

/** Where a session's deliverables go. */
export interface SessionOutput {
  readonly writer: DeliverableWriter;
  /** Names of those that could not be saved. */
  readonly unsaved: ReadonlySet<string>;
  /** Saves what is delivered. */
  readonly hooks: AgentSessionHooks;
}

/** Opens a session's output directory. Throws `OUTPUT_REFUSED`. */
export async function openOutput(directory: string): Promise<SessionOutput> {
  const writer = await openDeliverableWriter(directory);
  const unsaved = new Set<string>();
  const hooks: AgentSessionHooks = {
    async onDeliverable(_context, deliverable) {
      try {
        await writer.save(deliverable);
        unsaved.delete(deliverable.name);
      } catch (error) {
        unsaved.add(deliverable.name);
        throw error;
      }
    },
  };
  return { writer, unsaved, hooks };
}
