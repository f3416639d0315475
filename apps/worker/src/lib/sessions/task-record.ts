import { changeDocument, openBytes, sealSecret, SeedEngineError } from '@optio-ts/seed-engine';
import type { Cipher, Collection, DocumentFields, SealedSecret, Store } from '@optio-ts/seed-engine';

/** Where a task comes from. */
export interface TaskSource {
  /** The task file. */
  readonly text: string;
  /** As its user named it. */
  readonly path: string;
  /** Absolute directory that its paths start from. */
  readonly directory: string;
  /** Whether it came out of a queue, where it may name less. */
  readonly origin: 'file' | 'queue';
  /** The seed that was said beside the file. */
  readonly seed?: string;
  /** What was said when it was resumed, in this order: part of the task from then on. @default nothing */
  readonly added?: readonly string[];
}

/** What of a task is needed to run it again: kept sealed, since its words may be private. Secrets are in it by reference alone. */
export interface TaskRecord extends TaskSource {
  readonly taskId: string;
  /** Name of the machine of its last run. */
  readonly host: string;
  /** What its worker's machine calls itself: `local` there is another machine than here. */
  readonly machine: string;
  /** Absolute. */
  readonly outputDirectory: string;
  readonly confine: 'auto' | 'required' | 'off' | undefined;
}

/** A store, and what seals in it. */
export interface SealedStore {
  readonly store: Store;
  readonly cipher: Cipher;
}

/** One document per task, of its last run. */
export const taskCollection: Collection = { name: 'worker_tasks' };

/**
 * Keeps what a task needs to be run again; the record of its last run is replaced. The files that it began with are let go with it, unless
 * the task goes on with them.
 */
export async function saveTaskRecord(
  { cipher, store }: SealedStore,
  record: TaskRecord,
  { isResumed = false }: { readonly isResumed?: boolean } = {},
): Promise<void> {
  const { taskId } = record;
  const fields: DocumentFields = { record: { ...(await sealSecret(cipher, JSON.stringify(record))) } };
  try {
    await store.insert(taskCollection, { id: taskId, ...fields });
  } catch (error) {
    if (!SeedEngineError.is(error) || error.code !== 'DOCUMENT_EXISTS') throw error;
    await changeDocument(store, taskCollection, taskId, ({ base }) =>
      isResumed && base !== undefined ? { ...fields, base } : fields,
    );
  }
}

/** The record of a task; `undefined` where there is none. Throws `DecryptError`. */
export async function loadTaskRecord({ cipher, store }: SealedStore, taskId: string): Promise<TaskRecord | undefined> {
  const document = await store.get(taskCollection, taskId);
  if (document === undefined) return undefined;
  return JSON.parse(await openText(cipher, document['record'], `the record of task ${taskId}`)) as TaskRecord;
}

/** Opens what `sealSecret` made and a document holds. Throws `DecryptError`. */
export async function openText(cipher: Cipher, value: unknown, what: string): Promise<string> {
  const { cipher: name, sealed } = value as SealedSecret;
  return new TextDecoder().decode(await openBytes(cipher, name, sealed, what));
}
