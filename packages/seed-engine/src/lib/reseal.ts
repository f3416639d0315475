import { createHash } from 'node:crypto';

import type { Bytes } from '@optio-ts/host-core';

import type { Cipher } from './cipher.ts';
import type { DocumentFields, DocumentValue, StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { sealBlob, sealingOf, type SealedBlob } from './seal-blob.ts';
import {
  isUnreadable,
  needOf,
  openerOf,
  partStates,
  type PartState,
  type RotationCiphers,
  type SealedPart,
} from './sealed-parts.ts';
import { openBytes, openSealed, sealBytes } from './sealed.ts';
import { sessionFromDocument } from './session-decode.ts';
import type { SealedSecret } from './session-document.ts';
import type { Collection, Store } from './store.ts';
import { switchContent } from './switch-content.ts';

/** What is needed to seal something anew. */
export interface ResealContext extends RotationCiphers {
  readonly store: Store;
  /** What `to` was made of: seals for whoever is a recipient by then. */
  readonly cipher: Cipher;
  readonly abortSignal: AbortSignal | undefined;
}

/** What is stored cannot be opened: a reason to mark it, and none to stop. */
export class UnreadableError extends Error {
  override readonly cause: SeedEngineError;

  constructor(cause: SeedEngineError) {
    super(cause.message);
    this.cause = cause;
  }
}

/** What became of one document. */
export interface Resealed {
  /** Sealed anew, already as it should be, or plain. */
  readonly resealed: number;
  readonly upToDate: number;
  readonly plain: number;
}

/**
 * Seals the parts of a seed or a snapshot anew. Each new blob is read back and compared before the document is switched to
 * all of them at once by compare-and-swap; what was written is discarded when anything fails.
 */
export async function resealParts(
  context: ResealContext,
  collection: Collection,
  document: StoredDocument,
  parts: readonly SealedPart[],
  processId: string,
): Promise<Resealed> {
  const { store } = context;
  const states = readable(() => partStates(document, parts, context));
  const due = states.filter(({ need }) => need === 'reseal');
  const counts = {
    resealed: due.length,
    upToDate: states.filter(({ need }) => need === 'none').length,
    plain: states.filter(({ need }) => need === 'plain').length,
  };
  if (due.length === 0) return counts;
  const written: { readonly part: SealedPart; readonly blob: SealedBlob }[] = [];
  try {
    for (const state of due) {
      const owner = { collection, id: document.id };
      const onWritten = (blob: SealedBlob): void => void written.push({ part: state.part, blob });
      await sealAnew(context, state, owner, processId, onWritten);
    }
    await switchContent(store, collection, document, ({ quarantine: _quarantine, ...fields }) => {
      let next: DocumentFields = fields;
      for (const { part, blob } of written) next = withBlob(next, part, blob);
      return next;
    });
    return counts;
  } catch (error) {
    for (const { blob } of written) await store.discardBlob(blob.id).catch(() => {});
    throw error;
  }
}

async function sealAnew(
  context: ResealContext,
  { part, blobId, cipher: name }: PartState,
  owner: { readonly collection: Collection; readonly id: string },
  processId: string,
  onWritten: (blob: SealedBlob) => void,
): Promise<void> {
  const { store, cipher, abortSignal } = context;
  const signal = abortSignal === undefined ? {} : { abortSignal };
  const what = `the ${part.name} of ${owner.id}`;
  const before = createHash('sha256');
  const blob = await sealBlob(store, cipher, {
    owner,
    name: part.name,
    metadata: { processId },
    content: watch(openSealed(openerOf(name, context), name, store.readBlob(blobId, signal), what), (chunk) =>
      before.update(chunk),
    ),
    ...signal,
  });
  onWritten(blob);
  const after = createHash('sha256');
  for await (const chunk of openSealed(cipher, blob.cipher, store.readBlob(blob.id, signal), what)) after.update(chunk);
  if (before.digest('hex') === after.digest('hex')) return;
  throw new SeedEngineError('STORE_FAILED', `What was sealed anew of ${what} reads back as something else`);
}

/** Seals the secrets of a session anew, all at once. */
export async function resealSecrets(
  context: ResealContext,
  collection: Collection,
  document: StoredDocument,
): Promise<Resealed> {
  const { store } = context;
  const session = readable(() => sessionFromDocument(document));
  const secrets: Record<string, DocumentValue> = {};
  const counts = { resealed: 0, upToDate: 0, plain: 0 };
  for (const [name, secret] of Object.entries(session.secrets ?? {})) {
    const need = needOf({ cipher: secret.cipher, sealedFor: secret.sealedFor }, context, true);
    counts[need === 'reseal' ? 'resealed' : need === 'plain' ? 'plain' : 'upToDate'] += 1;
    const kept = need === 'reseal' ? await sealSecretAnew(context, secret, `${name} of ${session.id}`) : secret;
    secrets[name] = { ...kept };
  }
  if (counts.resealed > 0) await store.replace(collection, { ...document, secrets });
  return counts;
}

async function sealSecretAnew(ciphers: RotationCiphers, secret: SealedSecret, name: string): Promise<SealedSecret> {
  const what = `the secret ${name}`;
  const { to } = ciphers;
  const plain = await openBytes(openerOf(secret.cipher, ciphers), secret.cipher, secret.sealed, what).catch(
    (error: unknown) => {
      throw isUnreadable(error) ? new UnreadableError(error) : error;
    },
  );
  const sealed = await sealBytes(to, plain);
  const readBack = await openBytes(to, to.name, sealed, what);
  if (!Buffer.from(plain).equals(Buffer.from(readBack))) {
    throw new SeedEngineError('STORE_FAILED', `What was sealed anew of ${what} reads back as something else`);
  }
  return { ...sealingOf(to), sealed };
}

function readable<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw isUnreadable(error) ? new UnreadableError(error) : error;
  }
}

function withBlob(document: DocumentFields, part: SealedPart, blob: SealedBlob): DocumentFields {
  const { [part.sealedForField]: _sealedFor, ...fields } = document;
  return {
    ...fields,
    [part.blobField]: { blob: blob.id },
    [part.cipherField]: blob.cipher,
    [part.sizeField]: blob.sizeBytes,
    [part.sha256Field]: blob.sha256,
    ...(blob.sealedFor === undefined ? {} : { [part.sealedForField]: blob.sealedFor }),
  };
}

/**
 * Reads what is there already; that it cannot be read is told apart from all else that may fail.
 *
 * @yields the same chunks
 */
async function* watch(content: Bytes, onChunk: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of content) {
      onChunk(chunk);
      yield chunk;
    }
  } catch (error) {
    throw isUnreadable(error) ? new UnreadableError(error) : error;
  }
}
