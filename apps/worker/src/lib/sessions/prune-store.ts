import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import {
  listSessionDocuments,
  listSnapshots,
  SeedEngineError,
  sessionCollection,
  snapshotCollection,
} from '@optio-ts/seed-engine';
import type { Collection, Snapshot, Store, StoredDocument } from '@optio-ts/seed-engine';

import { listQueuedTasks, queueCollection } from '../queue/queued-task.ts';
import type { QueuedTask } from '../queue/queued-task.ts';
import { journalCollection } from './journal.ts';
import { planPrune } from './plan-prune.ts';
import type { PrunableSession } from './plan-prune.ts';
import { taskCollection } from './task-record.ts';

/** Options of `pruneStore`. */
export interface PruneStoreOptions {
  readonly store: Store;
  /** Absolute directory of the logs of sessions in the background. */
  readonly logs: string;
  /** What is older goes. @default its age is no reason */
  readonly olderThanMs?: number | undefined;
  /** So many of the newest sessions stay, and of the tasks of the queue. @default none */
  readonly keep?: number | undefined;
  /** Snapshots too: their tasks cannot be resumed any more. @default all stay */
  readonly snapshots?: boolean | undefined;
  /** Only say what would go. @default false */
  readonly isDryRun?: boolean | undefined;
  readonly abortSignal: AbortSignal;
}

/** Something that was removed, or would be. */
export interface PrunedItem {
  readonly kind: 'session' | 'queued-task' | 'task' | 'snapshot' | 'log';
  /** Its id, its name, or its path. */
  readonly id: string;
  readonly taskId?: string;
  /** When it ended. */
  readonly at?: Date;
}

/** What became of the store. */
export interface PruneReport {
  readonly removed: readonly PrunedItem[];
  /** Old sessions that stay, because their tasks can be resumed. */
  readonly keptForResume: number;
}

/**
 * Removes what has ended and is old: sessions with what they reported, tasks of the queue, records of tasks of which nothing is left, logs
 * of sessions in the background. What runs, or could be resumed, stays; what somebody changes meanwhile stays too.
 */
export async function pruneStore(options: PruneStoreOptions): Promise<PruneReport> {
  const { abortSignal, isDryRun = false, keep, olderThanMs, store } = options;
  const now = new Date();
  const endedBefore = olderThanMs === undefined ? undefined : new Date(now.getTime() - olderThanMs);
  const removed: PrunedItem[] = [];
  const sessions: PrunableSession[] = [];
  for await (const { id, state, taskId, updatedAt } of listSessionDocuments(store)) {
    sessions.push({ id, taskId, isEnded: state === 'ended', at: updatedAt });
  }
  const queue: QueuedTask[] = [];
  for await (const task of listQueuedTasks(store)) queue.push(task);
  const queued = new Set(queue.flatMap(({ state, taskId }) => (state === 'queued' ? [taskId] : [])));

  const snapshots = await snapshotsOf(store);
  const oldSnapshots = options.snapshots === true ? surplus(snapshots, { endedBefore, keep, sessions, queued }) : [];
  const gone = new Set(oldSnapshots.map(({ id }) => id));
  const resumable = new Set(snapshots.flatMap(({ id, taskId }) => (gone.has(id) ? [] : [taskId])));
  const plan = planPrune({ sessions, resumable, queued, endedBefore, keep, now });

  const take = async (item: PrunedItem, remove: () => Promise<boolean>): Promise<void> => {
    abortSignal.throwIfAborted();
    if (isDryRun || (await remove())) removed.push(item);
  };
  for (const { id, taskId, capturedAt: at } of oldSnapshots) {
    await take({ kind: 'snapshot', id, taskId, at }, () => store.remove(snapshotCollection('opencode'), id));
  }
  for (const { at, id, taskId } of plan.sessions) {
    await take({ kind: 'session', id, taskId, at }, () => removeSession(store, id));
  }
  for (const { outcome, taskId } of oldQueued(queue, { endedBefore, keep })) {
    const at = outcome?.endedAt;
    await take({ kind: 'queued-task', id: taskId, taskId, ...(at && { at }) }, () =>
      removeUnchanged(store, queueCollection, taskId, (document) => document['state'] === 'ended'),
    );
  }
  for (const taskId of plan.tasks) {
    if (resumable.has(taskId) || queued.has(taskId)) continue;
    if ((await store.get(taskCollection, taskId)) === undefined) continue;
    await take({ kind: 'task', id: taskId, taskId }, () => removeTask(store, taskId));
  }
  const running = new Set(sessions.flatMap(({ isEnded, taskId }) => (isEnded ? [] : [taskId])));
  if (endedBefore !== undefined) {
    for (const { at, path } of await oldLogs(options.logs, endedBefore, running)) {
      await take({ kind: 'log', id: path, at }, () => removeLog(path));
    }
  }
  // The space of it is given back to the disk, and of what uploads that were interrupted have left.
  if (!isDryRun) await store.sweep();
  return { removed, keptForResume: plan.keptForResume.length };
}

/** The journal first: what is found half removed is found again. */
async function removeSession(store: Store, id: string): Promise<boolean> {
  const isEnded = (document: StoredDocument): boolean => document['state'] === 'ended';
  const document = await store.get(sessionCollection, id);
  if (document === undefined || !isEnded(document)) return false;
  for await (const part of store.list(journalCollection, { where: { sessionId: id } })) {
    await store.remove(journalCollection, part.id);
  }
  return removeUnchanged(store, sessionCollection, id, isEnded);
}

/** A task that was begun again since is none that nothing is left of. */
async function removeTask(store: Store, taskId: string): Promise<boolean> {
  const document = await store.get(taskCollection, taskId);
  if (document === undefined) return false;
  for await (const _ of listSessionDocuments(store, { taskId, limit: 1 })) return false;
  return removeUnchanged(store, taskCollection, taskId, ({ revision }) => revision === document.revision);
}

/** Removes a document that is still what it was taken for; `false` where somebody was faster. */
async function removeUnchanged(
  store: Store,
  collection: Collection,
  id: string,
  isStill: (document: StoredDocument) => boolean,
): Promise<boolean> {
  const document = await store.get(collection, id);
  if (document === undefined || !isStill(document)) return false;
  try {
    return await store.remove(collection, id, { revision: document.revision });
  } catch (error) {
    if (SeedEngineError.is(error) && error.code === 'REVISION_CONFLICT') return false;
    throw error;
  }
}

async function snapshotsOf(store: Store): Promise<readonly Snapshot[]> {
  const snapshots = [];
  for await (const snapshot of listSnapshots(store, 'opencode')) snapshots.push(snapshot);
  return snapshots;
}

interface Surplus {
  readonly endedBefore: Date | undefined;
  readonly keep: number | undefined;
  readonly sessions: readonly PrunableSession[];
  readonly queued: ReadonlySet<string>;
}

/** Old snapshots, but for those of tasks that are at work, and of the sessions that stay for being among the newest. */
function surplus(
  snapshots: readonly Snapshot[],
  { endedBefore, keep = 0, queued, sessions }: Surplus,
): readonly Snapshot[] {
  const ended = sessions.filter(({ isEnded }) => isEnded);
  const staying = new Set([
    ...queued,
    ...sessions.flatMap(({ isEnded, taskId }) => (isEnded ? [] : [taskId])),
    ...ended.slice(0, keep).map(({ taskId }) => taskId),
  ]);
  return snapshots.filter(
    ({ capturedAt, taskId }) => !staying.has(taskId) && (endedBefore === undefined || capturedAt < endedBefore),
  );
}

/** Tasks of the queue that have ended, without the newest of them. */
function oldQueued(
  queue: readonly QueuedTask[],
  { endedBefore, keep = 0 }: Pick<Surplus, 'endedBefore' | 'keep'>,
): readonly QueuedTask[] {
  const endOf = ({ outcome }: QueuedTask): number => outcome?.endedAt.getTime() ?? 0;
  return queue
    .filter(({ state }) => state === 'ended')
    .toSorted((a, b) => endOf(b) - endOf(a))
    .slice(keep)
    .filter((task) => endedBefore === undefined || endOf(task) < endedBefore.getTime());
}

/** Logs that nobody has written to since, by the names that `detach` gives them. */
async function oldLogs(
  directory: string,
  before: Date,
  running: ReadonlySet<string>,
): Promise<readonly { readonly path: string; readonly at: Date }[]> {
  const names = await readdir(directory).catch(() => []);
  const found = [];
  for (const name of names) {
    const [, taskId] = /^(.+)-\d{17}\.log$/.exec(name) ?? [];
    if (taskId === undefined || running.has(taskId)) continue;
    const path = join(directory, name);
    const mtime = await stat(path).then((stats) => stats.mtime, unlessMissing);
    if (mtime !== undefined && mtime < before) found.push({ path, at: mtime });
  }
  return found;
}

/** `false` where somebody was faster. */
async function removeLog(path: string): Promise<boolean> {
  return unlink(path).then(
    () => true,
    (error: unknown) => unlessMissing(error) ?? false,
  );
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error;
}
