import { changeDocument, listSessionDocuments, sealSecret, SeedEngineError } from '@optio-ts/seed-engine';
import type { Collection, DocumentFields, StoredDocument, Store } from '@optio-ts/seed-engine';

import { WorkerError } from '../errors.ts';
import { openText } from '../sessions/task-record.ts';
import type { SealedStore, TaskSource } from '../sessions/task-record.ts';

/** How a queued task ended. */
export interface QueuedOutcome {
  /** `refused`: it asks for what the worker does not have or give. */
  readonly state: 'done' | 'failed' | 'cancelled' | 'lost' | 'refused';
  readonly message?: string;
  readonly exitCode: number;
  readonly sessionId?: string;
  readonly endedAt: Date;
  /** The worker that ended it. */
  readonly worker: string;
}

/** A task in the queue. What it says is sealed. */
export interface QueuedTask {
  readonly taskId: string;
  readonly state: 'queued' | 'ended';
  readonly submittedAt: Date;
  /** Counts the workers that took it up. Only the last one may end it. */
  readonly attempt: number;
  /** Id of the newest session of this name when it was submitted: that and older ones are none of this task. */
  readonly after: string;
  /** It goes on where the last run of its name ended. @default it begins anew */
  readonly isResumed?: boolean;
  /** The machine that its session was left on, where no other can take it up: only workers there are called for it. */
  readonly machine?: string;
  readonly outcome?: QueuedOutcome;
}

/** One document per task that was submitted. */
export const queueCollection: Collection = {
  name: 'worker_queue',
  indexes: [
    {
      name: 'by_state_submittedAt_asc',
      fields: [
        ['state', 'asc'],
        ['submittedAt', 'asc'],
      ],
    },
  ],
};

/** Puts a task into the queue. Throws `REFUSED` while one of its name is there and has not ended. */
export async function insertQueuedTask(
  { cipher, store }: SealedStore,
  taskId: string,
  source: TaskSource,
  { isResumed = false }: { readonly isResumed?: boolean } = {},
): Promise<void> {
  let after = '';
  for await (const session of listSessionDocuments(store, { taskId, limit: 1 })) {
    if (session.state !== 'ended') throw stillThere(taskId);
    after = session.id;
  }
  const fields: DocumentFields = {
    state: 'queued',
    submittedAt: new Date(),
    attempt: 0,
    after,
    ...(isResumed && { isResumed }),
    source: { ...(await sealSecret(cipher, JSON.stringify(source))) },
  };
  const current = await store.get(queueCollection, taskId);
  if (current !== undefined && current['state'] !== 'ended') throw stillThere(taskId);
  try {
    if (current === undefined) await store.insert(queueCollection, { id: taskId, ...fields });
    else await store.replace(queueCollection, { ...fields, id: taskId, revision: current.revision });
  } catch (error) {
    const wasFaster = SeedEngineError.is(error) && ['DOCUMENT_EXISTS', 'REVISION_CONFLICT'].includes(error.code);
    throw wasFaster ? stillThere(taskId) : error;
  }
}

/** A task of the queue; `undefined` where there is none of that name. */
export async function getQueuedTask(store: Store, taskId: string): Promise<QueuedTask | undefined> {
  const document = await store.get(queueCollection, taskId);
  return document && fromDocument(document);
}

/**
 * Goes through the queue.
 *
 * @yields the oldest first
 */
export async function* listQueuedTasks(store: Store, state?: QueuedTask['state']): AsyncGenerator<QueuedTask> {
  const documents = store.list(queueCollection, {
    ...(state !== undefined && { where: { state } }),
    orderBy: [['submittedAt', 'asc']],
  });
  for await (const document of documents) yield fromDocument(document);
}

/** What a task says. Throws `DecryptError`, and `SyntaxError` for what nobody wrote with `insertQueuedTask`. */
export async function openQueuedTask({ cipher, store }: SealedStore, taskId: string): Promise<TaskSource | undefined> {
  const document = await store.get(queueCollection, taskId);
  if (document === undefined) return undefined;
  const text = await openText(cipher, document['source'], `the queued task ${taskId}`);
  const { added, path, seed, text: file } = JSON.parse(text) as TaskSource;
  // Whatever else stands there: who wrote it is not known.
  return {
    path: String(path),
    text: String(file),
    directory: '/',
    origin: 'queue',
    ...(seed !== undefined && { seed: String(seed) }),
    ...(Array.isArray(added) && { added: added.map(String) }),
  };
}

/** Takes a task up. Returns its attempt, or `undefined` when it has ended, or is gone. */
export async function beginAttempt(store: Store, taskId: string): Promise<QueuedTask | undefined> {
  const changed = await change(store, taskId, (current) =>
    current['state'] === 'ended' ? undefined : { ...current, attempt: Number(current['attempt']) + 1 },
  );
  return changed === undefined || changed['state'] === 'ended' ? undefined : fromDocument(changed);
}

/** Leaves a task to the workers of a machine, unless another attempt has begun since. */
export async function leaveToMachine(store: Store, task: QueuedTask, machine: string): Promise<void> {
  await change(store, task.taskId, (current) =>
    current['state'] !== 'ended' && current['attempt'] === task.attempt ? { ...current, machine } : undefined,
  );
}

/** Writes the end of a task down, once: `false` when another attempt has begun since, or has ended it. */
export async function endQueuedTask(store: Store, task: QueuedTask, outcome: QueuedOutcome): Promise<boolean> {
  let isOurs = false;
  await change(store, task.taskId, (current) => {
    isOurs = current['state'] !== 'ended' && current['attempt'] === task.attempt;
    return isOurs ? { ...current, state: 'ended', outcome: { ...outcome } } : undefined;
  });
  return isOurs;
}

async function change(
  store: Store,
  taskId: string,
  apply: (current: StoredDocument) => DocumentFields | undefined,
): Promise<StoredDocument | undefined> {
  try {
    return await changeDocument(store, queueCollection, taskId, apply);
  } catch (error) {
    if (SeedEngineError.is(error) && error.code === 'DOCUMENT_NOT_FOUND') return undefined;
    throw error;
  }
}

function fromDocument(document: StoredDocument): QueuedTask {
  const { after, attempt, id, isResumed, machine, outcome, state, submittedAt } = document as unknown as QueuedTask & {
    readonly id: string;
  };
  return {
    taskId: id,
    state,
    submittedAt,
    attempt,
    after,
    ...(isResumed === true && { isResumed }),
    ...(machine === undefined ? {} : { machine }),
    ...(outcome === undefined ? {} : { outcome }),
  };
}

function stillThere(taskId: string): WorkerError {
  return new WorkerError(
    'REFUSED',
    `a task ${taskId} is in the queue or runs already; optio queue ls shows it, another id makes another task`,
  );
}
