import type { LogPosition } from '@optio-ts/agents-session';
import { createSessionDocument, renewSessionLease, updateSessionDocument } from '@optio-ts/seed-engine';
import type {
  CreateSessionDocumentOptions,
  SessionChange,
  SessionDocument,
  SessionOutcomeRecord,
  Store,
} from '@optio-ts/seed-engine';

import { messageOf } from './errors.ts';

/** How long an owner may be silent before another one may take its session. */
const LEASE_MS = 60_000;
const RENEW_MS = 15_000;

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
  let document = await createSessionDocument(store, { ...fields, leaseMs: LEASE_MS });
  let queue: Promise<unknown> = Promise.resolve();
  let isCancelTold = false;

  const change = (make: () => Promise<SessionDocument>): Promise<void> => {
    const changed = queue.then(async () => {
      document = await make();
      const cancel = document.requestedCancel;
      if (cancel === undefined || isCancelTold) return;
      isCancelTold = true;
      onCancelRequest(cancel.reason);
    });
    // Whoever asked for the change hears of its failure; the next one goes on.
    queue = changed.catch(() => undefined);
    return changed;
  };

  const update = (changes: SessionChange): Promise<void> =>
    change(() => updateSessionDocument(store, document, changes));

  const renewal = setInterval(() => {
    change(() => renewSessionLease(store, document, { leaseMs: LEASE_MS })).catch((error: unknown) =>
      onFailure(`The lease of session ${document.id} was not renewed: ${messageOf(error)}`),
    );
  }, RENEW_MS);
  // The lease alone is no reason to keep a process alive.
  renewal.unref();

  return {
    get document() {
      return document;
    },
    update,
    saveLog: ({ generation, offset }) => update({ log: { generation, offset } }),
    async close(outcome) {
      clearInterval(renewal);
      await update({ state: 'ended', outcome, secrets: undefined });
    },
  };
}
