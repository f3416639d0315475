import { changeDocument } from './change-document.ts';
import type { Cipher } from './cipher.ts';
import type { DocumentValue } from './document.ts';
import { DecryptError, SeedEngineError } from './errors.ts';
import { createId } from './id.ts';
import { fixCipher, sealingOf } from './seal-blob.ts';
import { openBytes, sealBytes } from './sealed.ts';
import { sessionFromDocument } from './session-decode.ts';
import {
  sessionCollection,
  sessionToFields,
  type SealedSecret,
  type SessionDocument,
  type SessionDraft,
  type SessionFields,
  type SessionState,
} from './session-document.ts';
import type { Store } from './store.ts';

const states: readonly SessionState[] = ['starting', 'live', 'ending', 'ended'];

/** Who takes a session, and for how long. */
export interface SessionClaim {
  /** Of the worker process. */
  readonly ownerId: string;
  /** Milliseconds until somebody else may take it. */
  readonly leaseMs: number;
  /** @default now */
  readonly now?: Date;
}

/** Options of `createSessionDocument`. */
export interface CreateSessionDocumentOptions extends SessionClaim {
  /** 24 hex digits. @default a new id */
  readonly id?: string;
  readonly taskId: string;
  readonly agent: string;
  /** 24 hex digits; a resumed task may keep its own. @default the session's id */
  readonly processId?: string;
  readonly runId: string;
  readonly host: string;
  readonly taskDirectory: string;
  readonly details?: Readonly<Record<string, DocumentValue>>;
}

/** What may be changed of a session by its owner. An optional field that is there and `undefined` is removed. */
export interface SessionChange {
  readonly state?: SessionState;
  readonly host?: string;
  readonly runId?: string;
  readonly taskDirectory?: string;
  readonly log?: SessionFields['log'];
  readonly secrets?: SessionFields['secrets'] | undefined;
  readonly outcome?: SessionFields['outcome'] | undefined;
  readonly details?: SessionFields['details'] | undefined;
}

/** Options of `listSessionDocuments`. */
export interface ListSessionDocumentsOptions {
  /** @default any */
  readonly state?: SessionState;
  /** @default any */
  readonly taskId?: string;
  /** @default no limit */
  readonly limit?: number;
}

/**
 * Writes a session's document: its first trace anywhere. The caller owns it, with fencing number 1. Throws
 * `DOCUMENT_EXISTS`.
 */
export async function createSessionDocument(
  store: Store,
  options: CreateSessionDocumentOptions,
): Promise<SessionDocument> {
  const now = options.now ?? new Date();
  const id = options.id ?? createId(now);
  const { taskId, agent, runId, host, taskDirectory, details } = options;
  const fields = sessionToFields({
    taskId,
    agent,
    runId,
    host,
    taskDirectory,
    processId: options.processId ?? id,
    state: 'starting',
    createdAt: now,
    updatedAt: now,
    owner: { id: options.ownerId, leaseExpiresAt: leaseEnd(options, now), fencing: 1 },
    log: { generation: 0, offset: 0 },
    ...(details === undefined ? {} : { details }),
  });
  return sessionFromDocument(await store.insert(sessionCollection, { id, ...fields }));
}

/** Reads a session's document; `undefined` where there is none. */
export async function getSessionDocument(store: Store, id: string): Promise<SessionDocument | undefined> {
  const document = await store.get(sessionCollection, id);
  return document && sessionFromDocument(document);
}

/**
 * Goes through session documents.
 *
 * @yields the newest first
 */
export async function* listSessionDocuments(
  store: Store,
  { state, taskId, limit }: ListSessionDocumentsOptions = {},
): AsyncGenerator<SessionDocument> {
  const documents = store.list(sessionCollection, {
    where: { ...(state === undefined ? {} : { state }), ...(taskId === undefined ? {} : { taskId }) },
    orderBy: [
      ['createdAt', 'desc'],
      ['id', 'desc'],
    ],
    ...(limit === undefined ? {} : { limit }),
  });
  for await (const document of documents) yield sessionFromDocument(document);
}

/**
 * Changes a session as its owner. `change` gets the document as it is now, which may hold what others wrote (a
 * requested cancel), and is called again when somebody was faster.
 *
 * Throws `SESSION_LEASE_LOST` when another owner has taken it since `session` was read, and `SESSION_NOT_FOUND`. A state that
 * goes back is a `TypeError`.
 */
export function updateSessionDocument(
  store: Store,
  session: SessionDocument,
  change: SessionChange | ((current: SessionDocument) => SessionChange),
): Promise<SessionDocument> {
  return changeSession(store, session.id, (current) => {
    checkOwner(current, session);
    const changes = typeof change === 'function' ? change(current) : change;
    if (states.indexOf(changes.state ?? current.state) < states.indexOf(current.state)) {
      throw new TypeError(`Session ${session.id} is ${current.state}: it cannot become ${changes.state} again`);
    }
    return { ...current, ...changes };
  });
}

/** Puts the end of the owner's lease off. Throws as `updateSessionDocument` does. */
export function renewSessionLease(
  store: Store,
  session: SessionDocument,
  { leaseMs, now = new Date() }: Omit<SessionClaim, 'ownerId'>,
): Promise<SessionDocument> {
  return changeSession(store, session.id, (current) => {
    checkOwner(current, session);
    const leaseExpiresAt = leaseEnd({ leaseMs }, now);
    return { ...current, owner: { ...current.owner, leaseExpiresAt } };
  });
}

/**
 * Takes a session over, with the next fencing number: what the owner before it still writes is refused from then on.
 * Throws `SESSION_OWNED` while another's lease runs, and `SESSION_NOT_FOUND`.
 */
export function claimSession(store: Store, id: string, claim: SessionClaim): Promise<SessionDocument> {
  const now = claim.now ?? new Date();
  return changeSession(store, id, (current) => {
    const { owner } = current;
    if (owner.id !== claim.ownerId && owner.leaseExpiresAt > now) {
      throw new SeedEngineError(
        'SESSION_OWNED',
        `Session ${id} belongs to ${owner.id} until ${owner.leaseExpiresAt.toISOString()}`,
      );
    }
    const fencing = owner.fencing + 1;
    return {
      ...current,
      owner: { id: claim.ownerId, leaseExpiresAt: leaseEnd(claim, now), fencing },
    };
  });
}

/** Gives a session away: its lease ends now. Throws as `updateSessionDocument` does. */
export function releaseSession(
  store: Store,
  session: SessionDocument,
  { now = new Date() }: { readonly now?: Date } = {},
): Promise<SessionDocument> {
  return changeSession(store, session.id, (current) => {
    checkOwner(current, session);
    return { ...current, owner: { ...current.owner, leaseExpiresAt: now } };
  });
}

/**
 * Asks the owner to end a session; from any process. The first wish stays; one for a session that has ended changes
 * nothing. Throws `SESSION_NOT_FOUND`.
 */
export function requestSessionCancel(
  store: Store,
  id: string,
  { reason, now = new Date() }: { readonly reason: string; readonly now?: Date },
): Promise<SessionDocument> {
  return changeSession(store, id, (current) =>
    current.state === 'ended' || current.requestedCancel !== undefined
      ? undefined
      : { ...current, requestedCancel: { reason, at: now } },
  );
}

/** Removes a session's document; `false` where there is none. */
export function removeSessionDocument(store: Store, id: string): Promise<boolean> {
  return store.remove(sessionCollection, id);
}

/** Seals a password or the like, to be put among a session's secrets. */
export async function sealSecret(cipher: Cipher, secret: string): Promise<SealedSecret> {
  const fixed = await fixCipher(cipher);
  return { ...sealingOf(fixed), sealed: await sealBytes(fixed, Buffer.from(secret)) };
}

/** Opens one of a session's secrets; `undefined` where it has none of that name. Throws `DecryptError`. */
export async function openSecret(cipher: Cipher, session: SessionDocument, name: string): Promise<string | undefined> {
  const secret = session.secrets?.[name];
  if (secret === undefined) return undefined;
  const what = `the secret ${name} of session ${session.id}`;
  const bytes = await openBytes(cipher, secret.cipher, secret.sealed, what);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DecryptError(`Cannot open ${what}: it is not text`);
  }
}

async function changeSession(
  store: Store,
  id: string,
  change: (current: SessionDocument) => SessionDraft | undefined,
): Promise<SessionDocument> {
  try {
    const changed = await changeDocument(store, sessionCollection, id, (document) => {
      const fields = change(sessionFromDocument(document));
      if (fields === undefined) return undefined;
      return sessionToFields({ ...fields, updatedAt: new Date() });
    });
    return sessionFromDocument(changed);
  } catch (error) {
    const isMissing = SeedEngineError.is(error) && error.code === 'DOCUMENT_NOT_FOUND';
    if (!isMissing) throw error;
    throw sessionNotFound(store, id, error);
  }
}

/** The error for a session that has no document. */
export function sessionNotFound(store: Store, id: string, cause?: unknown): SeedEngineError {
  const message = `There is no session ${id} in ${store.description}`;
  return new SeedEngineError('SESSION_NOT_FOUND', message, cause === undefined ? {} : { cause });
}

/** Throws `SESSION_LEASE_LOST` when the document has another owner than `session`. */
export function checkOwner(current: SessionDocument, session: SessionDocument): void {
  if (current.owner.fencing === session.owner.fencing && current.owner.id === session.owner.id) {
    return;
  }
  throw new SeedEngineError(
    'SESSION_LEASE_LOST',
    `Session ${session.id} was taken over by ${current.owner.id}: this process no longer owns it`,
  );
}

function leaseEnd({ leaseMs }: { readonly leaseMs: number }, now: Date): Date {
  if (!(leaseMs > 0)) throw new TypeError('leaseMs is a number of milliseconds above 0');
  return new Date(now.getTime() + leaseMs);
}
