import { SeedEngineError, sealSecret } from '@optio-ts/seed-engine';
import type { Collection, Store } from '@optio-ts/seed-engine';

import { messageOf } from '../errors.ts';
import type { Reporter } from '../report/reporter.ts';
import { writeEntries } from './journal-entry.ts';
import type { JournalEntry } from './journal-entry.ts';
import type { SealedStore } from './task-record.ts';

/** What sessions reported, sealed, some entries to a document: `<session>:<n>`. */
export const journalCollection: Collection = {
  name: 'worker_journal',
  indexes: [
    {
      name: 'by_sessionId_number_asc',
      fields: [
        ['sessionId', 'asc'],
        ['number', 'asc'],
      ],
    },
  ],
};

/** A reporter that writes down what it is told, for other processes to read. */
export interface Journal extends Reporter {
  /** Whose journal it is. What was reported before is part of it. */
  begin(sessionId: string): void;
  /** Writes down what is left. Never throws. */
  flush(): Promise<void>;
}

/** Options of `createJournal`. */
export interface CreateJournalOptions extends SealedStore {
  /** Something could not be written down; the session goes on. Called once. */
  readonly onFailure: (message: string) => void;
}

/** How long entries may wait: a reader elsewhere is this much behind. */
const WAIT_MS = 500;
/** A document holds a megabyte at most. */
const MAX_PART_LENGTH = 500_000;
/** An agent that writes without end fills no disk. */
const MAX_JOURNAL_LENGTH = 32 * 1024 * 1024;

/** The id of a part of a journal. */
export function partId(sessionId: string, number: number): string {
  return `${sessionId}:${number}`;
}

/** Starts a journal. Nothing is written before `begin`. */
export function createJournal(options: CreateJournalOptions): Journal {
  const waiting: JournalEntry[] = [];
  let sessionId: string | undefined;
  let number: number | undefined;
  let length = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  let hasFailed = false;
  let lastStep: { readonly step: string; readonly at: number } | undefined;

  const add = (entry: JournalEntry): void => {
    if (length > MAX_JOURNAL_LENGTH && entry.kind !== 'summary') return;
    waiting.push(entry);
    if (sessionId !== undefined) timer ??= setTimeout(() => void flush(), WAIT_MS);
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(write);
    return writing;
  };
  const write = async (): Promise<void> => {
    if (sessionId === undefined) return;
    while (waiting.length > 0) {
      const text = takePart(waiting);
      length += text.length;
      try {
        number ??= await nextNumber(options.store, sessionId);
        const part = { sessionId, at: new Date(), entries: { ...(await sealSecret(options.cipher, text)) } };
        number = await insertPart(options.store, number, part);
      } catch (error) {
        if (!hasFailed) options.onFailure(`the journal of the session cannot be written: ${messageOf(error)}`);
        hasFailed = true;
      }
    }
  };

  return {
    begin(id) {
      sessionId = id;
      void flush();
    },
    flush,
    event(event, savedTo) {
      // The stages of a download come faster than anybody reads.
      if (event.type === 'progress') {
        const now = performance.now();
        if (lastStep?.step === event.step && now - lastStep.at < 1000 && event.percent !== 100) return;
        lastStep = { step: event.step, at: now };
      }
      add({ kind: 'event', event, ...(savedTo === undefined ? {} : { savedTo }) });
    },
    step: (message) => add({ kind: 'step', message }),
    note: (message) => add({ kind: 'note', message }),
    warning: (message) => add({ kind: 'warning', message }),
    summary: (summary) => add({ kind: 'summary', summary }),
    close() {},
  };
}

/** As many entries as a document holds, as text. */
function takePart(waiting: JournalEntry[]): string {
  let size = 0;
  let count = 0;
  for (const entry of waiting) {
    size += writeEntries([entry]).length;
    if (count > 0 && size > MAX_PART_LENGTH) break;
    count += 1;
  }
  return writeEntries(waiting.splice(0, count));
}

/** A session that another worker began has a journal already. */
async function nextNumber(store: Store, sessionId: string): Promise<number> {
  const last = store.list(journalCollection, { where: { sessionId }, orderBy: [['number', 'desc']], limit: 1 });
  for await (const document of last) return Number(document['number']) + 1;
  return 0;
}

async function insertPart(
  store: Store,
  number: number,
  part: { readonly sessionId: string; readonly at: Date; readonly entries: Record<string, string | Uint8Array> },
): Promise<number> {
  for (let free = number; ; free += 1) {
    try {
      await store.insert(journalCollection, { id: partId(part.sessionId, free), number: free, ...part });
      return free + 1;
    } catch (error) {
      // The one before, which was taken for dead, still had something to say.
      if (!SeedEngineError.is(error) || error.code !== 'DOCUMENT_EXISTS') throw error;
    }
  }
}
