import type { Bytes } from '@optio-ts/host-core';

import type { Cipher } from './cipher.ts';
import type { DocumentValue, StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { readFields } from './field-reader.ts';
import { readQuarantine, type Quarantine } from './quarantine.ts';
import { openSealed } from './sealed.ts';
import type { Collection, Store } from './store.ts';

/** How the session ended that a snapshot was taken of. */
export type SnapshotEndState = 'done' | 'failed' | 'cancelled';

/** The blobs of a snapshot: the archive of the workdir, the agent's own session, the login. */
export type SnapshotPart = 'workdir' | 'session' | 'login';

/** One blob of a snapshot. */
export interface SnapshotBlob {
  readonly id: string;
  /** Absent: written by the original, see `Cipher.opensUnnamed`. */
  readonly cipher?: string;
  /** As stored. Absent for a blob of the original. */
  readonly sizeBytes?: number;
  /** Of the bytes as stored, in hex. Absent for a blob of the original. */
  readonly sha256?: string;
  /** For whom it is sealed: names the recipients of a keyring. */
  readonly sealedFor?: string;
}

/** What is kept of a session to go on with it later, here or elsewhere. */
export interface Snapshot {
  readonly id: string;
  /** The kind of agent, which names the collection. */
  readonly agent: string;
  /** The task; what the original calls processId. */
  readonly taskId: string;
  readonly capturedAt: Date;
  readonly endState: SnapshotEndState;
  /** The agent's own session, for instance opencode's. */
  readonly sessionId: string;
  readonly workdir: SnapshotBlob;
  readonly session: SnapshotBlob;
  /** Absent: the login is part of the workdir, or there was none. */
  readonly login?: SnapshotBlob;
  /** Of the agent that the session was exported from. Absent in a snapshot of the original. */
  readonly agentVersion?: string;
  /** The seed that the login came from: there may be a newer one in it. */
  readonly seedId?: string;
  /** A part could not be opened when all was sealed anew. */
  readonly quarantine?: Quarantine;
}

/** Where snapshots of a kind of agent are kept: `{prefix}_{agent}_session_snapshots`. */
export function snapshotCollection(agent: string): Collection {
  return {
    name: `${agent}_session_snapshots`,
    indexes: [
      {
        name: 'by_processId_capturedAt_desc',
        fields: [
          ['processId', 'asc'],
          ['capturedAt', 'desc'],
        ],
      },
    ],
  };
}

/**
 * Goes through the snapshots of a task, or of all. Throws `SNAPSHOT_MALFORMED`.
 *
 * @yields the newest first
 */
export async function* listSnapshots(store: Store, agent: string, taskId?: string): AsyncGenerator<Snapshot> {
  const documents = store.list(snapshotCollection(agent), {
    ...(taskId !== undefined && { where: { processId: taskId } }),
    orderBy: newestFirst,
  });
  for await (const document of documents) yield snapshotFromDocument(agent, document);
}

/** Reads a snapshot; `undefined` where there is none. Throws `SNAPSHOT_MALFORMED`. */
export async function getSnapshot(store: Store, agent: string, id: string): Promise<Snapshot | undefined> {
  const document = await store.get(snapshotCollection(agent), id);
  return document && snapshotFromDocument(agent, document);
}

/** The newest snapshot of a task; `undefined` where there is none. Throws `SNAPSHOT_MALFORMED`. */
export async function loadLatestSnapshot(store: Store, agent: string, taskId: string): Promise<Snapshot | undefined> {
  for await (const snapshot of listSnapshots(store, agent, taskId)) return snapshot;
  return undefined;
}

/**
 * Reads a blob of a snapshot, opened; where it was sealed anew since the snapshot was loaded, the new one. Throws while iterated: `DecryptError`, `BLOB_CORRUPT`, `BLOB_NOT_FOUND`. A part
 * that the snapshot does not have is a `TypeError`.
 */
export function readSnapshotBlob(
  store: Store,
  cipher: Cipher,
  snapshot: Snapshot,
  part: SnapshotPart,
  options: { readonly abortSignal?: AbortSignal } = {},
): Bytes {
  const { id, agent } = snapshot;
  const blob = snapshot[part];
  if (blob === undefined) throw new TypeError(`Snapshot ${id} has no ${part}`);
  const open = (current: SnapshotBlob): Bytes => {
    // The original never sealed the workdir, whatever hooks it had.
    const name = current.cipher ?? (part === 'workdir' ? 'none' : undefined);
    return openSealed(cipher, name, store.readBlob(current.id, options), `the ${part} of snapshot ${id}`);
  };
  async function* read(known: SnapshotBlob): AsyncGenerator<Uint8Array> {
    let isBegun = false;
    try {
      for await (const chunk of open(known)) {
        isBegun = true;
        yield chunk;
      }
    } catch (error) {
      if (isBegun || !SeedEngineError.is(error) || error.code !== 'BLOB_NOT_FOUND') throw error;
      const document = await store.get(snapshotCollection(agent), id);
      const current = document && snapshotFromDocument(agent, document)[part];
      if (current === undefined || current.id === known.id) throw error;
      yield* open(current);
    }
  }
  return read(blob);
}

/** Newest first; of two in the same millisecond the one with the greater id. */
export const newestFirst: readonly (readonly [string, 'asc' | 'desc'])[] = [
  ['capturedAt', 'desc'],
  ['id', 'desc'],
];

/** The fields of the original, and ours. */
export function snapshotToFields(snapshot: Snapshot): Record<string, DocumentValue> {
  const { taskId, capturedAt, endState, sessionId, workdir, session, login, agentVersion, seedId } = snapshot;
  return {
    processId: taskId,
    capturedAt,
    endState,
    sessionId,
    sessionBlobId: { blob: session.id },
    workdirBlobId: { blob: workdir.id },
    deliverablesEmitted: [],
    ...partFields('session', session),
    ...partFields('workdir', workdir),
    ...(login && { loginBlobId: { blob: login.id }, ...partFields('login', login) }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
    ...(seedId === undefined ? {} : { seedId }),
  };
}

function partFields(part: SnapshotPart, blob: SnapshotBlob): Record<string, DocumentValue> {
  return {
    ...(blob.cipher === undefined ? {} : { [`${part}Cipher`]: blob.cipher }),
    ...(blob.sizeBytes === undefined ? {} : { [`${part}SizeBytes`]: blob.sizeBytes }),
    ...(blob.sha256 === undefined ? {} : { [`${part}Sha256`]: blob.sha256 }),
    ...(blob.sealedFor === undefined ? {} : { [`${part}SealedFor`]: blob.sealedFor }),
  };
}

/** A stored document as a snapshot. Throws `SNAPSHOT_MALFORMED`. */
function snapshotFromDocument(agent: string, document: StoredDocument): Snapshot {
  const fields = readFields(document, 'SNAPSHOT_MALFORMED', `Snapshot ${document.id}`);
  const blobOf = (part: SnapshotPart): SnapshotBlob | undefined => {
    const id = fields.optionalBlob(`${part}BlobId`);
    if (id === undefined) return undefined;
    const cipher = fields.optionalText(`${part}Cipher`);
    const sizeBytes = fields.optionalNumber(`${part}SizeBytes`);
    const sha256 = fields.optionalText(`${part}Sha256`);
    const sealedFor = fields.optionalText(`${part}SealedFor`);
    return {
      id,
      ...(cipher === undefined ? {} : { cipher }),
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(sealedFor === undefined ? {} : { sealedFor }),
    };
  };
  const login = blobOf('login');
  const quarantine = readQuarantine(fields);
  const agentVersion = fields.optionalText('agentVersion');
  const seedId = fields.optionalText('seedId');
  return {
    id: document.id,
    agent,
    taskId: fields.text('processId'),
    capturedAt: fields.date('capturedAt'),
    endState: fields.oneOf('endState', ['done', 'failed', 'cancelled']),
    sessionId: fields.text('sessionId'),
    workdir: blobOf('workdir') ?? { id: fields.blob('workdirBlobId') },
    session: blobOf('session') ?? { id: fields.blob('sessionBlobId') },
    ...(login && { login }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
    ...(seedId === undefined ? {} : { seedId }),
    ...(quarantine && { quarantine }),
  };
}
