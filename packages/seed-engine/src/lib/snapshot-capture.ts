import type { Bytes } from '@optio-ts/host-core';

import { withBlobs } from './blob-rollback.ts';
import type { Cipher } from './cipher.ts';
import { createId } from './id.ts';
import {
  loadLatestSnapshot,
  newestFirst,
  snapshotCollection,
  snapshotToFields,
  type Snapshot,
  type SnapshotEndState,
} from './snapshots.ts';
import type { Store } from './store.ts';

/** Options of `captureSnapshot`. */
export interface CaptureSnapshotOptions {
  readonly store: Store;
  /** Seals the agent's session, and the login. */
  readonly cipher: Cipher;
  /** Seals the workdir. `noCipher` is what the original can read. @default `cipher` */
  readonly workdirCipher?: Cipher;
  /** The kind of agent, for instance `opencode`: names the collection. */
  readonly agent: string;
  readonly taskId: string;
  /** 24 hex digits: `metadata.processId` of the blobs. */
  readonly processId: string;
  readonly endState: SnapshotEndState;
  /** The agent's own session. */
  readonly sessionId: string;
  readonly agentVersion?: string;
  /** The archive of the workdir: a gzip'd tar. Read first. */
  readonly workdir: Bytes;
  /** The session as the agent exports it; opaque. */
  readonly session: Bytes;
  /** What is needed to log in again. @default none */
  readonly login?: Bytes;
  /** How many snapshots of the task are kept. @default 5 */
  readonly retention?: number;
  readonly abortSignal?: AbortSignal;
}

/** A snapshot that was captured. */
export interface CapturedSnapshot {
  readonly snapshot: Snapshot;
  /** Ids of older snapshots that were removed for it. */
  readonly pruned: readonly string[];
  /** Why older ones could not be removed. The snapshot itself is safe. */
  readonly pruneError?: unknown;
}

const defaultRetention = 5;

/**
 * Captures a snapshot: its blobs first, the document that names them last, then what is older than the retention goes. When anything before
 * the document fails, nothing of it stays.
 */
export async function captureSnapshot(options: CaptureSnapshotOptions): Promise<CapturedSnapshot> {
  const { store, cipher, agent, taskId, abortSignal } = options;
  const retention = options.retention ?? defaultRetention;
  if (!(Number.isInteger(retention) && retention > 0)) {
    throw new TypeError('retention is a whole number above 0');
  }
  const collection = snapshotCollection(agent);
  const id = createId();
  const snapshot = await withBlobs(
    store,
    { collection, id },
    { processId: options.processId },
    async ({ write }): Promise<Snapshot> => {
      const workdirCipher = options.workdirCipher ?? cipher;
      const { workdir, session, login } = options;
      const part = { abortSignal, cipher };
      const workdirBlob = await write({ ...part, name: 'workdir', cipher: workdirCipher, content: workdir });
      const sessionBlob = await write({ ...part, name: 'session', content: session });
      const loginBlob = login && (await write({ ...part, name: 'login', content: login }));
      const captured: Snapshot = {
        ...{ id, taskId, endState: options.endState, sessionId: options.sessionId },
        capturedAt: await captureTime(store, agent, taskId),
        workdir: workdirBlob,
        session: sessionBlob,
        ...(loginBlob && { login: loginBlob }),
        ...(options.agentVersion === undefined ? {} : { agentVersion: options.agentVersion }),
      };
      await store.insert(collection, { id, ...snapshotToFields(captured) });
      return captured;
    },
  );
  try {
    return { snapshot, pruned: await pruneSnapshots(store, agent, taskId, retention) };
  } catch (pruneError) {
    return { snapshot, pruned: [], pruneError };
  }
}

/**
 * Removes all but the newest snapshots of a task, and returns their ids. The newest that ended `done`, and the newest that was `cancelled`,
 * are kept however many came after them: a task that fails again and again does not push out the last good state.
 */
export async function pruneSnapshots(
  store: Store,
  agent: string,
  taskId: string,
  retention: number = defaultRetention,
): Promise<readonly string[]> {
  const collection = snapshotCollection(agent);
  const kept = new Set<unknown>();
  const surplus: string[] = [];
  let seen = 0;
  const documents = store.list(collection, { where: { processId: taskId }, orderBy: newestFirst });
  for await (const { id, endState } of documents) {
    const isLastGood = endState !== 'failed' && !kept.has(endState);
    kept.add(endState);
    seen += 1;
    if (seen > retention && !isLastGood) surplus.push(id);
  }
  const removed: string[] = [];
  for (const id of surplus) if (await store.remove(collection, id)) removed.push(id);
  return removed;
}

/** Now, but after the newest there is: a clock that was set back must not make an old state the newest. */
async function captureTime(store: Store, agent: string, taskId: string): Promise<Date> {
  const latest = await loadLatestSnapshot(store, agent, taskId);
  return new Date(Math.max(Date.now(), (latest?.capturedAt.getTime() ?? 0) + 1));
}
