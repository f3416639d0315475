import { changeDocument, DecryptError, sealSecret } from '@optio-ts/seed-engine';
import type { Collection, SealedSecret, StoredDocument } from '@optio-ts/seed-engine';

import { queueCollection } from '../queue/queued-task.ts';
import { journalCollection } from './journal.ts';
import { resealTaskBase } from './task-base.ts';
import { openText, taskCollection } from './task-record.ts';
import type { SealedStore } from './task-record.ts';

/** What the worker itself keeps sealed, and under which name. */
const SEALED: readonly (readonly [collection: Collection, field: string])[] = [
  [taskCollection, 'record'],
  [journalCollection, 'entries'],
  [queueCollection, 'source'],
];

/** What `resealWorkerDocuments` did. */
export interface ResealedDocuments {
  readonly resealed: number;
  readonly unreadable: number;
}

/**
 * Seals anew what the worker keeps beside seeds, snapshots and sessions: the records of tasks, the journals of sessions and the queue.
 * Comes before the rotation of the rest, which tells what keys nobody needs any more.
 */
export async function resealWorkerDocuments(
  { cipher, store }: SealedStore,
  abortSignal: AbortSignal,
): Promise<ResealedDocuments> {
  const { sealedFor } = await sealSecret(cipher, '');
  let resealed = 0;
  let unreadable = 0;
  for (const [collection, field] of SEALED) {
    for await (const document of store.list(collection)) {
      abortSignal.throwIfAborted();
      if (sealingOf(document, field)?.sealedFor === sealedFor) continue;
      try {
        const text = await openText(cipher, document[field], `${collection.name} ${document.id}`);
        const anew = { ...(await sealSecret(cipher, text)) };
        await changeDocument(store, collection, document.id, (current) =>
          current.revision === document.revision ? { ...current, [field]: anew } : undefined,
        );
        resealed += 1;
      } catch (error) {
        if (!DecryptError.is(error)) throw error;
        unreadable += 1;
      }
    }
  }
  for await (const { id } of store.list(taskCollection)) {
    abortSignal.throwIfAborted();
    try {
      if (await resealTaskBase({ cipher, store }, id, sealedFor)) resealed += 1;
    } catch (error) {
      if (!DecryptError.is(error)) throw error;
      unreadable += 1;
    }
  }
  return { resealed, unreadable };
}

function sealingOf(document: StoredDocument, field: string): SealedSecret | undefined {
  return document[field] as unknown as SealedSecret | undefined;
}
