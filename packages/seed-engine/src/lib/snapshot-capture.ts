import type { Bytes } from '@optio-ts/host-core';

import type { Cipher } from './cipher.ts';
import { createId } from './id.ts';
import { sealBlob } from './seal-blob.ts';
import { pruneSnapshots } from './snapshot-retention.ts';
import {
  loadLatestSnapshot,
  snapshotCollection,
  snapshotToFields,
  type Snapshot,
  type SnapshotBlob,
  type SnapshotEndState,
  type SnapshotPart,
} from './snapshots.ts';
import type { Store } from './store.ts';

/** Options of `openSnapshot`. */
export interface OpenSnapshotOptions {
  readonly store: Store;
  /** Seals the agent's session, and the login. */
  readonly cipher: Cipher;
  /** Seals the workdir. `noCipher` is what the original can read. @default `cipher` */
  readonly workdirCipher?: Cipher;
  /**
   * 24 hex digits. Given by a session that several workers may end: of two snapshots with one id the second is refused, with
   * `DOCUMENT_EXISTS` at its commit. @default a new id
   */
  readonly id?: string;
  /** The kind of agent, for instance `opencode`: names the collection. */
  readonly agent: string;
  readonly taskId: string;
  /** 24 hex digits: `metadata.processId` of the blobs. */
  readonly processId: string;
  /** The agent's own session. */
  readonly sessionId: string;
  /** Of the agent. @default unknown */
  readonly agentVersion?: string;
  /** The seed that the login came from. @default none */
  readonly seedId?: string;
  /** How many snapshots of the task are kept. @default 5 */
  readonly retention?: number;
  /** Ends the writing of a part with `ABORTED`. */
  readonly abortSignal?: AbortSignal;
}

/** A snapshot in the making: nobody sees it before `commit`. */
export interface SnapshotDraft {
  /** The id it will have. */
  readonly id: string;
  /**
   * Seals and writes a part: `workdir` the archive of the workdir (a gzip'd tar), `session` the session as the agent
   * exports it, `login` what is needed to log in again. In any order, at the same time too, each at most once; one
   * that failed may be written again.
   */
  write(part: SnapshotPart, content: Bytes): Promise<SnapshotBlob>;
  /**
   * Writes the document, then removes what is older than the retention. `workdir` and `session` must be there
   * (`TypeError`). When it fails, the parts are kept: call it again, or `discard`.
   */
  commit(end: { readonly endState: SnapshotEndState }): Promise<CapturedSnapshot>;
  /** Removes what was written. Does nothing after `commit`. Idempotent. */
  discard(): Promise<void>;
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
 * Opens a snapshot, to be written part by part as they come: the session while its server lives, the workdir once it
 * is dead, the end state last. What is neither committed nor discarded is removed by a sweep.
 */
export function openSnapshot(options: OpenSnapshotOptions): SnapshotDraft {
  const {
    store,
    cipher,
    agent,
    taskId,
    sessionId,
    agentVersion,
    seedId,
    retention = defaultRetention,
    abortSignal,
  } = options;
  if (!(Number.isInteger(retention) && retention > 0)) {
    throw new TypeError('retention is a whole number above 0');
  }
  const collection = snapshotCollection(agent);
  const id = options.id ?? createId();
  const parts = new Map<SnapshotPart, SnapshotBlob | 'underway'>();
  let isCommitted = false;

  return {
    id,
    async write(part, content) {
      if (isCommitted || parts.has(part)) throw new TypeError(`The ${part} of this snapshot is written already`);
      parts.set(part, 'underway');
      const partCipher = part === 'workdir' ? (options.workdirCipher ?? cipher) : cipher;
      try {
        const blob: SnapshotBlob = await sealBlob(store, partCipher, {
          owner: { collection, id },
          name: part,
          metadata: { processId: options.processId },
          content,
          ...(abortSignal === undefined ? {} : { abortSignal }),
        });
        parts.set(part, blob);
        return blob;
      } catch (error) {
        parts.delete(part);
        throw error;
      }
    },
    async commit({ endState }) {
      if (isCommitted) throw new TypeError('This snapshot is committed already');
      const [workdir, session, login] = (['workdir', 'session', 'login'] as const).map((part) => parts.get(part));
      if (!isWritten(workdir) || !isWritten(session) || login === 'underway') {
        throw new TypeError('A snapshot needs its workdir and session before it is committed');
      }
      const snapshot: Snapshot = {
        id,
        agent,
        taskId,
        endState,
        sessionId,
        workdir,
        session,
        capturedAt: await captureTime(store, agent, taskId),
        ...(login === undefined ? {} : { login }),
        ...(agentVersion === undefined ? {} : { agentVersion }),
        ...(seedId === undefined ? {} : { seedId }),
      };
      await store.insert(collection, { id, ...snapshotToFields(snapshot) });
      isCommitted = true;
      try {
        return { snapshot, pruned: await pruneSnapshots(store, agent, taskId, retention) };
      } catch (pruneError) {
        return { snapshot, pruned: [], pruneError };
      }
    },
    async discard() {
      if (isCommitted) return;
      for (const [part, blob] of parts) {
        if (isWritten(blob)) await store.discardBlob(blob.id);
        parts.delete(part);
      }
    },
  };
}

function isWritten(part: SnapshotBlob | 'underway' | undefined): part is SnapshotBlob {
  return part !== undefined && part !== 'underway';
}

/** Now, but after the newest there is: a clock that was set back must not make an old state the newest. */
async function captureTime(store: Store, agent: string, taskId: string): Promise<Date> {
  const latest = await loadLatestSnapshot(store, agent, taskId);
  return new Date(Math.max(Date.now(), (latest?.capturedAt.getTime() ?? 0) + 1));
}
