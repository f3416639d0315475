import type { DocumentFields, DocumentValue } from './document.ts';
import type { Collection } from './store.ts';

/** Where a session is: being prepared, with its agent running, being taken down, over. */
export type SessionState = 'starting' | 'live' | 'ending' | 'ended';

/** Who works on a session. */
export interface SessionOwner {
  /** Of a worker process. */
  readonly id: string;
  /** Until then nobody else may take the session, unless the owner gives it away. */
  readonly leaseExpiresAt: Date;
  /** Counts the owners. What an owner writes carries its number; a smaller one than the document's is refused. */
  readonly fencing: number;
}

/** How far the agent's log was read. */
export interface LogPosition {
  /** Counts the files that had the log's name. */
  readonly generation: number;
  /** In bytes, where the next line starts. */
  readonly offset: number;
  /** Of what was read before: shows whether the log is still the same file. @default unknown */
  readonly fingerprint?: string | undefined;
}

/** A wish to end a session, put down by any process. */
export interface CancelRequest {
  readonly reason: string;
  readonly at: Date;
}

/** Bytes sealed by a cipher, small enough for a document. */
export interface SealedSecret {
  /** The name of the cipher. */
  readonly cipher: string;
  readonly sealed: Uint8Array;
  /** For whom: names the recipients of a keyring. */
  readonly sealedFor?: string;
}

/** How a session ended. */
export interface SessionOutcomeRecord {
  /** For instance `done`, `failed`, `cancelled`, `lost`. */
  readonly state: string;
  /** Why, in one word, for instance `agent-done`. */
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

/** What a session document says beside its id and revision. */
export interface SessionFields {
  /** The caller's name of the task; what the original calls processId. */
  readonly taskId: string;
  /** The kind of agent, for instance `opencode`. */
  readonly agent: string;
  /** 24 hex digits: `metadata.processId` of the session's blobs. */
  readonly processId: string;
  /** The run id that everything the session starts carries in its environment. */
  readonly runId: string;
  /** How the host is called, for people and to find it again in the worker's configuration. */
  readonly host: string;
  /** Absolute, on the host. */
  readonly taskDirectory: string;
  readonly state: SessionState;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly owner: SessionOwner;
  readonly log: LogPosition;
  readonly requestedCancel?: CancelRequest;
  /** By name, for instance the password of the agent's server. */
  readonly secrets?: Readonly<Record<string, SealedSecret>>;
  readonly outcome?: SessionOutcomeRecord;
  /** What the agent's own kind of session needs to remember; nothing here reads it. */
  readonly details?: Readonly<Record<string, DocumentValue>>;
}

/** A session's live state, from its first moment on, readable by any process. */
export interface SessionDocument extends SessionFields {
  /** The session id: 24 hex digits. */
  readonly id: string;
  readonly revision: number;
}

/** A session on its way to the store: an optional field that is there and `undefined` is left out. */
export type SessionDraft = Omit<SessionFields, OptionalField> & {
  readonly [Field in OptionalField]?: SessionFields[Field] | undefined;
};

type OptionalField = 'requestedCancel' | 'secrets' | 'outcome' | 'details';

/** Where session documents are kept: `{prefix}_agent_sessions`. */
export const sessionCollection: Collection = {
  name: 'agent_sessions',
  indexes: [
    {
      name: 'by_state_createdAt_desc',
      fields: [
        ['state', 'asc'],
        ['createdAt', 'desc'],
      ],
    },
    {
      name: 'by_taskId_createdAt_desc',
      fields: [
        ['taskId', 'asc'],
        ['createdAt', 'desc'],
      ],
    },
  ],
};

/** The fields as a store takes them. */
export function sessionToFields(session: SessionDraft): DocumentFields {
  const { taskId, agent, processId, runId, host, taskDirectory, state, createdAt, updatedAt } = session;
  const { owner, log, requestedCancel, secrets, outcome, details } = session;
  return {
    taskId,
    agent,
    processId,
    runId,
    host,
    taskDirectory,
    state,
    createdAt,
    updatedAt,
    owner: { ...owner },
    log: withoutGaps(log),
    ...(requestedCancel === undefined ? {} : { requestedCancel: { ...requestedCancel } }),
    ...(secrets === undefined ? {} : { secrets: mapValues(secrets, (secret) => ({ ...secret })) }),
    ...(outcome === undefined ? {} : { outcome: withoutGaps(outcome) }),
    ...(details === undefined ? {} : { details }),
  };
}

/** Fields that are there and `undefined` are left out. */
function withoutGaps(fields: LogPosition | SessionOutcomeRecord): DocumentFields {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, DocumentValue] => entry[1] !== undefined),
  );
}

function mapValues<Value>(
  record: Readonly<Record<string, Value>>,
  map: (value: Value) => DocumentValue,
): DocumentFields {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
