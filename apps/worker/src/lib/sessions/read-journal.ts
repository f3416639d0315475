import { setTimeout as wait } from 'node:timers/promises';

import { getSessionDocument } from '@optio-ts/seed-engine';

import { readEntries } from './journal-entry.ts';
import type { JournalEntry } from './journal-entry.ts';
import { journalCollection, partId } from './journal.ts';
import { openText } from './task-record.ts';
import type { SealedStore } from './task-record.ts';

/** Options of `readJournal`. */
export interface ReadJournalOptions extends SealedStore {
  readonly sessionId: string;
  /** Wait for more until the session is over. @default false */
  readonly follow?: boolean;
  readonly abortSignal: AbortSignal;
}

const LOOK_MS = 400;
/** What a session that has ended may still have to say about itself. */
const LAST_WORDS_MS = 3000;

/**
 * Reads what a session reported, from the start.
 *
 * @yields entries in their order; the summary, where there is one, last
 */
export async function* readJournal(options: ReadJournalOptions): AsyncGenerator<JournalEntry> {
  const { abortSignal, cipher, follow = false, sessionId, store } = options;
  let endedAt: number | undefined;
  let number = 0;
  for (;;) {
    abortSignal.throwIfAborted();
    const entries = await readJournalPart({ cipher, store }, sessionId, number);
    if (entries !== undefined) {
      for (const entry of entries) {
        yield entry;
        if (entry.kind === 'summary' && follow) return;
      }
      number += 1;
      continue;
    }
    if (!follow) return;
    const document = await getSessionDocument(store, sessionId);
    if (document === undefined) return;
    if (document.state === 'ended') {
      endedAt ??= performance.now();
      if (performance.now() - endedAt > LAST_WORDS_MS) return;
    }
    await wait(LOOK_MS, undefined, { signal: abortSignal });
  }
}

/** One part of a session's journal, counted from 0; `undefined` for one that is not written yet. Throws `DecryptError`. */
export async function readJournalPart(
  { cipher, store }: SealedStore,
  sessionId: string,
  number: number,
): Promise<readonly JournalEntry[] | undefined> {
  const part = await store.get(journalCollection, partId(sessionId, number));
  if (part === undefined) return undefined;
  return readEntries(await openText(cipher, part['entries'], `the journal of session ${sessionId}`));
}
