import { newestFirst, snapshotCollection } from './snapshots.ts';
import type { Store } from './store.ts';

/**
 * Removes all but the newest snapshots of a task, and returns their ids. The newest that ended `done`, and the newest
 * that was `cancelled`, are kept however many came after them: a task that fails again and again does not push out
 * the last good state. One in quarantine does not count and stays: it is no good state, and its key may come back.
 */
export async function pruneSnapshots(
  store: Store,
  agent: string,
  taskId: string,
  retention: number,
): Promise<readonly string[]> {
  const collection = snapshotCollection(agent);
  const endStates = new Set<unknown>();
  const surplus: string[] = [];
  let seen = 0;
  const documents = store.list(collection, { where: { processId: taskId }, orderBy: newestFirst });
  for await (const { id, endState, quarantine } of documents) {
    if (quarantine !== undefined && quarantine !== null) continue;
    const isLastGood = endState !== 'failed' && !endStates.has(endState);
    endStates.add(endState);
    seen += 1;
    if (seen > retention && !isLastGood) surplus.push(id);
  }
  const removed: string[] = [];
  for (const id of surplus) if (await store.remove(collection, id)) removed.push(id);
  return removed;
}
