import type { LogPosition, SessionLease } from '@optio-ts/agents-session';
import { createSessionDocument, holdSession } from '@optio-ts/seed-engine';
import type {
  CreateSessionDocumentOptions,
  SessionChange,
  SessionDocument,
  SessionOutcomeRecord,
  Store,
} from '@optio-ts/seed-engine';

import { messageOf } from './errors.ts';

/** How long an owner may be silent before another one may take its session. */
export const SESSION_LEASE_MS = 60_000;

/** What a record tells its session. */
export interface SessionRecordListener {
  /** Somebody, in any process, wants the session to end. Called once. */
  readonly onCancelRequest: (reason: string) => void;
  /** The document could not be kept current. */
  readonly onFailure: (message: string) => void;
}

/** Options of `openSessionRecord`. */
export interface OpenSessionRecordOptions extends CreateSessionDocumentOptions, SessionRecordListener {}

/** A session's document, kept current by the process that owns it. */
export interface SessionRecord {
  readonly document: SessionDocument;
  /** Whether it is still this process's. */
  readonly lease: SessionLease;
  /** Changes the document, after the changes before it. Throws as `updateSessionDocument` does. */
  update(change: SessionChange): Promise<void>;
  /** Where to go on reading the agent's log. */
  saveLog(position: LogPosition): Promise<void>;
  /** Writes the end and stops renewing the lease. */
  close(outcome: SessionOutcomeRecord): Promise<void>;
  /** Stops renewing and leaves the rest to whoever takes the session next: at once, if it is this process's to give. */
  leave(): Promise<void>;
}

/** Sessions that this very process owns: it does not recover them from itself. */
const held = new Set<string>();

/** Whether this process works on a session. */
export function isHeldHere(sessionId: string): boolean {
  return held.has(sessionId);
}

/** Writes the document of a new session and keeps its lease alive. */
export async function openSessionRecord(
  store: Store,
  { onCancelRequest, onFailure, ...fields }: OpenSessionRecordOptions,
): Promise<SessionRecord> {
  const document = await createSessionDocument(store, fields);
  return holdSessionRecord(store, document, { onCancelRequest, onFailure, leaseMs: fields.leaseMs });
}

/** Keeps the lease of a session alive that this process has created or claimed. */
export function holdSessionRecord(
  store: Store,
  document: SessionDocument,
  { leaseMs, onCancelRequest, onFailure }: SessionRecordListener & { readonly leaseMs: number },
): SessionRecord {
  const { id } = document;
  held.add(id);
  const session = holdSession(store, document, {
    leaseMs,
    onCancelRequest: ({ reason }) => onCancelRequest(reason),
    onFailure: (error) => onFailure(`The lease of session ${id} was not renewed: ${messageOf(error)}`),
  });
  const update = async (change: SessionChange): Promise<void> => {
    await session.update(change);
  };
  return {
    get document() {
      return session.document;
    },
    lease: session,
    update,
    saveLog: (log) => update({ log }),
    async close(outcome) {
      try {
        await session.close(outcome);
      } finally {
        held.delete(id);
      }
    },
    async leave() {
      try {
        await session.release({ give: true });
      } finally {
        held.delete(id);
      }
    },
  };
}
