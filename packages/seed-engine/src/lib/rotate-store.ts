import { abortError } from './bytes.ts';
import type { Cipher } from './cipher.ts';
import { DecryptError, SeedEngineError, type SeedEngineErrorCode } from './errors.ts';
import { changeKeyring, readKeyring } from './keyring-document.ts';
import type { Quarantine } from './quarantine.ts';
import { resealParts, resealSecrets, UnreadableError, type Resealed, type ResealContext } from './reseal.ts';
import { fixCipher } from './seal-blob.ts';
import { seedParts, snapshotParts } from './sealed-parts.ts';
import { openBytes, sealBytes } from './sealed.ts';
import type { SeedManifest } from './seed.ts';
import { sessionCollection } from './session-document.ts';
import { listSessionDocuments } from './session-store.ts';
import { snapshotCollection } from './snapshots.ts';
import type { Collection, Store } from './store.ts';

/** Options of `rotateStore`. */
export interface RotateStoreOptions {
  readonly store: Store;
  /** Of the keyring: what everything is to be sealed with, for its recipients. Opens what is sealed with it already. */
  readonly cipher: Cipher;
  /** Opens what another cipher sealed, for a store that goes over to another one. @default `cipher` */
  readonly from?: Cipher;
  /** Whose seeds. */
  readonly manifests: readonly SeedManifest[];
  /** Whose snapshots, for instance `opencode`. */
  readonly agents: readonly string[];
  /** Hears after each document. */
  readonly onProgress?: (progress: RotationProgress) => void;
  /** Ends the rotation with `ABORTED`; what is sealed anew by then stays, and the next call goes on. */
  readonly abortSignal?: AbortSignal;
}

/** How far a rotation has come. */
export interface RotationProgress {
  readonly done: number;
  readonly total: number;
}

/** Something that could not be opened. It is kept as it is; a seed or a snapshot is marked, see `Seed.quarantine`. */
export interface UnreadableItem {
  readonly kind: 'seed' | 'snapshot' | 'session';
  readonly id: string;
  readonly code: SeedEngineErrorCode;
  readonly reason: string;
}

/** What a rotation did. */
export interface RotationReport {
  /** Blobs and secrets that were sealed anew. */
  readonly resealed: number;
  /** Those that were sealed as they should be already. */
  readonly upToDate: number;
  /** Those that are not sealed at all, on purpose: they stay readable for the original. */
  readonly plain: number;
  readonly unreadable: readonly UnreadableItem[];
  /** Uploads that were under way: they may be sealed for the old recipients. */
  readonly uploads: number;
  /** Recipients that nothing is sealed for any more: their keys may be thrown away. */
  readonly retired: readonly string[];
  /** Recipients whose keys something may still need: see `unreadable` and `uploads`, and call again. */
  readonly retiring: readonly string[];
}

/** One document with something sealed in it. */
interface Item {
  readonly kind: UnreadableItem['kind'];
  readonly collection: Collection;
  readonly id: string;
}

// Whoever loses a race to the owner of a document reads again; so many losses in a row are something else.
const attempts = 100;
// New documents of workers that had read the recipients just before they changed. More rounds would mean that they go on.
const rounds = 5;

/**
 * Seals everything in a store anew, for the recipients that its keyring has by now: the blobs of seeds and snapshots, the
 * secrets of sessions. Workers may go on meanwhile.
 *
 * Each new blob is read back and compared before its document is switched by compare-and-swap, so a process that is killed
 * anywhere leaves every document whole, and the next call goes on with what is left. What cannot be opened is marked and
 * reported, and never removed. Recipients that are retiring are forgotten only when all was opened, is sealed anew, and no
 * upload was under way that may be sealed for them.
 *
 * Throws `KEY_MISSING` when the cipher cannot open what it seals, `ABORTED`, and the errors of the store.
 */
export async function rotateStore(options: RotateStoreOptions): Promise<RotationReport> {
  const { store, cipher, from, onProgress, abortSignal } = options;
  checkNames(options);
  await checkOpens(store, await fixCipher(cipher));
  const before = await readKeyring(store);
  const items = await listItems(options);
  const sum = { resealed: 0, upToDate: 0, plain: 0 };
  let unreadable: UnreadableItem[] = [];
  let uploads = 0;
  for (let round = 0; round < rounds; round += 1) {
    const recipients = (await fixCipher(cipher)).recipients ?? [];
    // Counted first: what is under way now may be a document only when this round is over.
    uploads = await countUploads(store);
    const current = round === 0 ? items : await listItems(options);
    const found = { resealed: 0, upToDate: 0, plain: 0 };
    unreadable = [];
    for (const [index, item] of current.entries()) {
      if (abortSignal?.aborted === true) throw abortError(abortSignal);
      // Asked for each time: somebody else may put recipients aside, and must not find anything sealed for them later.
      const to = await fixCipher(cipher);
      const result = await sealItem({ store, cipher, to, from: from ?? to, abortSignal }, item);
      if ('reason' in result) unreadable.push(result);
      else {
        found.resealed += result.resealed;
        found.upToDate += result.upToDate;
        found.plain += result.plain;
      }
      if (round === 0) onProgress?.({ done: index + 1, total: current.length });
    }
    sum.resealed += found.resealed;
    if (round === 0) Object.assign(sum, { upToDate: found.upToDate, plain: found.plain });
    if (found.resealed === 0) {
      const retiring = before?.retiring ?? [];
      const isDone = uploads === 0 && !unreadable.some(({ code }) => code === 'DECRYPT_FAILED');
      const retired = isDone ? await forgetRetiring(store, recipients, retiring) : [];
      return {
        ...sum,
        unreadable,
        uploads,
        retired,
        retiring: retiring.filter((recipient) => !retired.includes(recipient)),
      };
    }
  }
  return { ...sum, unreadable, uploads, retired: [], retiring: before?.retiring ?? [] };
}

async function sealItem(context: ResealContext, item: Item): Promise<Resealed | UnreadableItem> {
  const { store } = context;
  const { kind, collection, id } = item;
  for (let attempt = 1; ; attempt += 1) {
    const document = await store.get(collection, id);
    if (document === undefined) return { resealed: 0, upToDate: 0, plain: 0 };
    try {
      if (kind === 'session') return await resealSecrets(context, collection, document);
      const parts = kind === 'seed' ? seedParts : snapshotParts;
      return await resealParts(context, collection, document, parts, await processIdOf(store, item, document));
    } catch (error) {
      if (isOutrun(error) && attempt < attempts) continue;
      if (!(error instanceof UnreadableError)) throw error;
      const current = await store.get(collection, id);
      // Exchanged while it was read: there is a whole one again.
      if (current?.revision !== document.revision && attempt < attempts) continue;
      const { code, message: reason } = error.cause;
      if (kind === 'session' || document['quarantine'] !== undefined) return { kind, id, code, reason };
      const quarantine: Quarantine = { reason, at: new Date() };
      try {
        await store.replace(collection, { ...document, quarantine: { ...quarantine } });
        return { kind, id, code, reason };
      } catch (conflict) {
        if (!isOutrun(conflict) || attempt >= attempts) throw conflict;
      }
    }
  }
}

async function listItems({ store, manifests, agents }: RotateStoreOptions): Promise<readonly Item[]> {
  const collections: readonly Omit<Item, 'id'>[] = [
    ...manifests.map(({ collection }) => ({ kind: 'seed', collection }) as const),
    ...agents.map((agent) => ({ kind: 'snapshot', collection: snapshotCollection(agent) }) as const),
    { kind: 'session', collection: sessionCollection },
  ];
  const items: Item[] = [];
  for (const place of collections) {
    for await (const { id } of store.list(place.collection)) items.push({ ...place, id });
  }
  return items;
}

/** The mark of a task's blobs is the one its sessions have. */
async function processIdOf(
  store: Store,
  { kind, id }: Item,
  document: Readonly<Record<string, unknown>>,
): Promise<string> {
  const taskId = document['processId'];
  if (kind !== 'snapshot' || typeof taskId !== 'string') return id;
  try {
    for await (const { processId } of listSessionDocuments(store, { taskId, limit: 1 })) return processId;
  } catch (error) {
    if (!SeedEngineError.is(error) || error.code !== 'DOCUMENT_UNREADABLE') throw error;
  }
  return id;
}

/** By their names alone documents say which of the two sealed them. */
function checkNames({ cipher, from = cipher }: RotateStoreOptions): void {
  if (from === cipher || from.name !== cipher.name) return;
  throw new TypeError(
    `cipher and from are both named ${JSON.stringify(cipher.name)}, so nothing would be sealed anew: give new hooks another name, and one age cipher the identities of both`,
  );
}

/** Everything would be sealed for others alone, and nobody could tell whether it is whole. */
async function checkOpens(store: Store, to: Cipher): Promise<void> {
  try {
    await openBytes(to, to.name, await sealBytes(to, Buffer.from('probe')), 'a probe');
  } catch (cause) {
    if (!DecryptError.is(cause)) throw cause;
    throw new SeedEngineError(
      'KEY_MISSING',
      `Cannot seal ${store.description} anew: the configured key cannot open what is sealed for its recipients, so nothing could be checked; after its key was replaced, open the keyring again`,
      { cause },
    );
  }
}

/** Intents of any age, none of which are touched. */
async function countUploads(store: Store): Promise<number> {
  return (await store.sweep({ olderThanMs: 100 * 365 * 86_400_000 })).youngIntents;
}

/** Nothing needs these any more. Returns those that are forgotten: none, when the recipients have changed meanwhile. */
async function forgetRetiring(
  store: Store,
  recipients: readonly string[],
  retiring: readonly string[],
): Promise<readonly string[]> {
  if (retiring.length === 0) return [];
  let forgotten: readonly string[] = [];
  await changeKeyring(store, (current) => {
    forgotten = [];
    if (current.recipients.toSorted().join() !== recipients.toSorted().join()) return undefined;
    forgotten = retiring.filter((recipient) => current.retiring.includes(recipient));
    return {
      retiring: current.retiring.filter((recipient) => !forgotten.includes(recipient)),
      retired: [...new Set([...current.retired, ...forgotten])],
    };
  });
  return forgotten;
}

function isOutrun(error: unknown): boolean {
  return SeedEngineError.is(error) && ['REVISION_CONFLICT', 'DOCUMENT_NOT_FOUND'].includes(error.code);
}
