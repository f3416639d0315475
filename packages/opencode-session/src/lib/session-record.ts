import type { LogPosition } from '@optio-ts/agents-session';
import { createSessionDocument, holdSession } from '@optio-ts/seed-engine';
import type {
  CreateSessionDocumentOptions,
  HeldSession,
  SessionChange,
  SessionDocument,
  SessionOutcomeRecord,
  Store,
} from '@optio-ts/seed-engine';

import { messageOf } from './errors.ts';

/** How long an owner may be silent before another one may take its session. */
const LEASE_MS = 60_000;

/** Options of `openSessionRecord`. */
export interface OpenSessionRecordOptions extends Omit<CreateSessionDocumentOptions, 'leaseMs'> {
  /** Somebody, in any process, wants the session to end. Called once. */
  readonly onCancelRequest: (reason: string) => void;
  /** The document could not be kept current. */
  readonly onFailure: (message: string) => void;
}

/** A session's document, kept current by the process that owns it. */
export interface SessionRecord {
  readonly document: SessionDocument;
  /** Changes the document, after the changes before it. Throws as `updateSessionDocument` does. */
  update(change: SessionChange): Promise<void>;
  /** Where to go on reading the agent's log. */
  saveLog(position: LogPosition): Promise<void>;
  /** Writes the end and stops renewing the lease. */
  close(outcome: SessionOutcomeRecord): Promise<void>;
}

/** Writes the document of a new session and keeps its lease alive. */
export async function openSessionRecord(store: Store, options: OpenSessionRecordOptions): Promise<SessionRecord> {
  const { onCancelRequest, onFailure, ...fields } = options;
  const document = await createSessionDocument(store, { ...fields, leaseMs: LEASE_MS });
  const held: HeldSession = holdSession(store, document, {
    leaseMs: LEASE_MS,
    onCancelRequest: ({ reason }) => onCancelRequest(reason),
    onFailure: (error) => onFailure(`The lease of session ${document.id} was not renewed: ${messageOf(error)}`),
  });
  const update = async (change: SessionChange): Promise<void> => {
    await held.update(change);
  };
  return {
    get document() {
      return held.document;
    },
    update,
    saveLog: (log) => update({ log }),
    async close(outcome) {
      await held.close(outcome);
    },
  };
}
