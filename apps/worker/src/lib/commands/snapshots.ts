import { getSnapshot, listSnapshots, snapshotCollection } from '@optio-ts/seed-engine';
import type { Snapshot, Store } from '@optio-ts/seed-engine';

import { WorkerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { withStore, withStoreToChange } from '../open-store.ts';
import { formatMinute, printFacts, printList } from '../output.ts';
import { formatBytes } from '../report/figures.ts';
import type { CommandContext } from './context.ts';

/** What commands about snapshots can be told. */
export interface SnapshotsOptions {
  readonly json?: boolean;
}

/** `optio snapshots ls [task]`: what can be resumed, newest first. */
export async function listSnapshotsCommand(
  [taskId]: readonly string[],
  { json }: SnapshotsOptions,
  context: CommandContext,
): Promise<number> {
  const snapshots = await withStore(context, ({ store }) => all(store, taskId));
  printList(context, snapshots.map(publicOf), {
    json,
    columns: ({ capturedAt, endState, id, sizeBytes, taskId: task }) => [
      id,
      formatMinute(capturedAt),
      endState,
      sizeBytes === undefined ? '-' : formatBytes(sizeBytes),
      task,
    ],
  });
  if (snapshots.length === 0 && json !== true) {
    context.stderr.write(`There are no snapshots${taskId === undefined ? '' : ` of ${JSON.stringify(taskId)}`}.\n`);
  }
  return EXIT_CODES.done;
}

/** `optio snapshots show <id>`. */
export async function showSnapshotCommand(
  [id = '']: readonly string[],
  { json }: SnapshotsOptions,
  context: CommandContext,
): Promise<number> {
  const snapshot = await withStore(context, async ({ store }) => publicOf(await one(store, id)));
  printFacts(context, snapshot, {
    json,
    facts: [
      ['snapshot', snapshot.id],
      ['task', snapshot.taskId],
      ['made', formatMinute(snapshot.capturedAt)],
      ['session ended', snapshot.endState],
      ['size', snapshot.sizeBytes === undefined ? 'unknown' : formatBytes(snapshot.sizeBytes)],
      ['opencode', `${snapshot.agentVersion ?? 'unknown'}, session ${snapshot.opencodeSessionId}`],
      ...(snapshot.seedId === undefined ? [] : [['seed', snapshot.seedId] as const]),
    ],
  });
  return EXIT_CODES.done;
}

/** `optio snapshots rm <id...>`: removes snapshots, all of those named or none. */
export async function removeSnapshotsCommand(
  ids: readonly string[],
  { json }: SnapshotsOptions,
  context: CommandContext,
): Promise<number> {
  const chosen = [...new Set(ids)];
  await withStoreToChange(context, async ({ store }) => {
    for (const id of chosen) await one(store, id);
    for (const id of chosen) await store.remove(snapshotCollection('opencode'), id);
  });
  printList(
    context,
    chosen.map((id) => ({ type: 'removed', id })),
    { json, columns: ({ id }) => ['removed', id] },
  );
  return EXIT_CODES.done;
}

async function all(store: Store, taskId: string | undefined): Promise<Snapshot[]> {
  const snapshots = [];
  for await (const snapshot of listSnapshots(store, 'opencode', taskId)) snapshots.push(snapshot);
  return snapshots;
}

async function one(store: Store, id: string): Promise<Snapshot> {
  const snapshot = await getSnapshot(store, 'opencode', id);
  if (snapshot !== undefined) return snapshot;
  throw new WorkerError(
    'NOT_FOUND',
    `there is no snapshot ${JSON.stringify(id)}; optio snapshots ls shows what there is`,
  );
}

/** What is told of a snapshot: nothing of where its blobs are. */
function publicOf(snapshot: Snapshot) {
  const { agentVersion, capturedAt, endState, id, login, seedId, session, sessionId, taskId, workdir } = snapshot;
  const sizes = [workdir, session, login].map((blob) => (blob === undefined ? 0 : blob.sizeBytes));
  const sizeBytes = sizes.includes(undefined) ? undefined : sizes.reduce((sum: number, size) => sum + (size ?? 0), 0);
  return {
    type: 'snapshot' as const,
    id,
    taskId,
    capturedAt,
    endState,
    opencodeSessionId: sessionId,
    sizeBytes,
    hasLogin: login !== undefined,
    ...(agentVersion === undefined ? {} : { agentVersion }),
    ...(seedId === undefined ? {} : { seedId }),
  };
}
