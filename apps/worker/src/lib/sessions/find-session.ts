import { getSessionDocument, listSessionDocuments } from '@optio-ts/seed-engine';
import type { SessionDocument, Store } from '@optio-ts/seed-engine';

import { WorkerError } from '../errors.ts';

/**
 * The session that somebody means: by its id, by the beginning of its id, or the newest of a task. Throws `NOT_FOUND`, also for a
 * beginning that several have.
 */
export async function findSession(store: Store, name: string): Promise<SessionDocument> {
  if (/^[0-9a-f]{24}$/.test(name)) {
    const session = await getSessionDocument(store, name);
    if (session !== undefined) return session;
  }
  for await (const session of listSessionDocuments(store, { taskId: name, limit: 1 })) return session;
  if (/^[0-9a-f]{4,23}$/.test(name)) {
    const found = [];
    for await (const session of listSessionDocuments(store)) if (session.id.startsWith(name)) found.push(session);
    const [first, second] = found;
    if (second !== undefined) {
      throw new WorkerError('NOT_FOUND', `several sessions begin with ${name}; write more of the id`);
    }
    if (first !== undefined) return first;
  }
  throw new WorkerError(
    'NOT_FOUND',
    `there is no session or task ${JSON.stringify(name)}; optio ls shows what there is`,
  );
}

/** Where a session is, in a word: how it ended, or what it is at. */
export function stateOf(session: SessionDocument, now: Date): string {
  if (session.state === 'ended') return session.outcome?.state ?? 'ended';
  if (session.owner.leaseExpiresAt < now) return 'no worker';
  if (session.requestedCancel !== undefined && session.state !== 'ending') return 'to be cancelled';
  return session.state;
}
