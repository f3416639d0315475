import { getSessionDocument, listSessionDocuments } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import { messageOf } from '../errors.ts';
import { printableLine } from '../printable.ts';
import { loadResumable } from '../sessions/load-resumable.ts';
import type { SealedStore } from '../sessions/task-record.ts';
import type { Board } from './board.ts';
import { createJournalReader } from './journal-reader.ts';
import { withDocument } from './session-view.ts';

/** Options of `followStore`. */
export interface FollowStoreOptions {
  readonly opened: SealedStore;
  readonly board: Board;
  /** What this machine calls itself. */
  readonly machine: string;
  /** Milliseconds between two looks at all sessions, while somebody watches. */
  readonly everyMs: number;
  /** Milliseconds between two looks at one whose page is open. */
  readonly closelyMs: number;
  /** The store could not be read; it is looked at again. Called once until it can be. */
  readonly onFailure: (message: string) => void;
  /** @default the time */
  readonly now?: () => Date;
}

/** Knows of sessions that run elsewhere. */
export interface StoreFollower extends Disposable {
  /** Looks once, now: at all sessions, and at what was written down of those that run. */
  look(): Promise<void>;
  /** Reads what was written down of one session, now. Nothing for one of this process. */
  read(sessionId: string): Promise<void>;
  /** Looks again and again until it is disposed, closely at one session. */
  attend(sessionId?: string): Disposable;
}

/** So many of the newest sessions are shown. */
const MOST_SESSIONS = 500;

/** Keeps the sessions of other processes on the board. Those of this process tell of themselves. */
export function followStore(options: FollowStoreOptions): StoreFollower {
  const { opened, board, everyMs, closelyMs, machine, onFailure, now = () => new Date() } = options;
  const documents = new Map<string, SessionDocument>();
  const journals = createJournalReader(opened, board, machine, now);
  const attending = new Set<Disposable>();
  let under: Promise<void> | undefined;
  let hasFailed = false;

  const isOther = (id: string): boolean => board.get(id)?.detail.isHere !== true;

  const update = (document: SessionDocument): void => {
    const { id, revision } = document;
    const isSame = documents.get(id)?.revision === revision;
    documents.set(id, document);
    if (!isOther(id)) return;
    const known = board.get(id);
    const view = withDocument(known, document, now());
    // A worker that is gone changes its document no more, and that is how it is found out.
    if (!isSame || known?.detail.isLeft !== view.detail.isLeft) board.set(view);
  };

  const attempt = async (action: () => Promise<void>): Promise<void> => {
    try {
      await action();
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) onFailure(`The sessions of other processes cannot be read: ${messageOf(error)}`);
      hasFailed = true;
    }
  };
  const readJournal = (id: string): Promise<void> => journals.read(id, () => documents.get(id));

  const lookOnce = async (): Promise<void> => {
    const running: string[] = [];
    for await (const document of listSessionDocuments(opened.store, { limit: MOST_SESSIONS })) {
      update(document);
      if (document.state !== 'ended') running.push(document.id);
    }
    // Who calls for a person is known by what was written down alone.
    for (const id of running) await readJournal(id);
  };
  // Never two at once: a slow store is not asked the more often for it.
  const look = (): Promise<void> => {
    under ??= attempt(lookOnce).finally(() => {
      under = undefined;
    });
    return under;
  };

  const readOne = async (id: string): Promise<void> => {
    if (!isOther(id)) return;
    const document = await getSessionDocument(opened.store, id);
    if (document === undefined) return;
    update(document);
    await readJournal(id);
    const { canResume, resumeProblem } = board.get(id)?.detail ?? {};
    if (document.state !== 'ended' || canResume === true || resumeProblem !== undefined) return;
    const problem = await loadResumable(opened, document).then(() => undefined, messageOf);
    const found = { canResume: problem === undefined, resumeProblem: problem && printableLine(problem) };
    board.change(id, (view) => ({ ...view, detail: { ...view.detail, ...found } }));
  };
  const read = (id: string): Promise<void> => attempt(() => readOne(id));

  let watchers = 0;
  let looking: Disposable | undefined;
  const attend = (sessionId?: string): Disposable => {
    watchers += 1;
    looking ??= repeat(look, everyMs);
    const reading = sessionId === undefined ? undefined : repeat(() => read(sessionId), closelyMs);
    const attention = {
      [Symbol.dispose]() {
        if (!attending.delete(attention)) return;
        reading?.[Symbol.dispose]();
        watchers -= 1;
        if (watchers > 0) return;
        looking?.[Symbol.dispose]();
        looking = undefined;
      },
    };
    attending.add(attention);
    return attention;
  };

  return {
    look,
    read,
    attend,
    [Symbol.dispose]() {
      for (const each of attending) each[Symbol.dispose]();
    },
  };
}

/** Does something again and again, each time so long after it was done. */
function repeat(action: () => Promise<void>, everyMs: number): Disposable {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const again = (): void => {
    if (isOver) return;
    timer = setTimeout(() => void action().finally(again), everyMs);
  };
  again();
  return {
    [Symbol.dispose]() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
