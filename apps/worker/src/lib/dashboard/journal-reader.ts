import type { SessionDocument } from '@optio-ts/seed-engine';

import { messageOf } from '../errors.ts';
import { isInside } from '../paths.ts';
import { printableLine } from '../printable.ts';
import type { JournalEntry } from '../sessions/journal-entry.ts';
import { readJournalPart } from '../sessions/read-journal.ts';
import { loadTaskRecord } from '../sessions/task-record.ts';
import type { SealedStore } from '../sessions/task-record.ts';
import type { Board } from './board.ts';
import { reduceEntry } from './reduce-entry.ts';
import { withDocument, withLine } from './session-view.ts';
import type { SessionView } from './session-view.ts';

/** Puts on the board what other processes have written down of their sessions. */
export interface JournalReader {
  // What its document says wins over what was written down: `latest` is asked after each part.
  /** Reads what is new of one that is on the board. Never throws: what went wrong is a line of its log. */
  read(id: string, latest: () => SessionDocument | undefined): Promise<void>;
}

/** How far a journal was read, and what of it can be opened here. */
interface Place {
  part: number;
  /** Of the last event: what is no event has the time of the one before. */
  at: number;
  readonly outputDirectory: string | undefined;
  /** The machine that has what was delivered; `undefined` for this one. */
  readonly savedOn: string | undefined;
  isBroken: boolean;
}

/** Creates the reader of all journals of a store. */
export function createJournalReader(
  opened: SealedStore,
  board: Board,
  machine: string,
  now: () => Date = () => new Date(),
): JournalReader {
  const places = new Map<string, Place>();
  const under = new Map<string, Promise<void>>();

  const begin = async ({ createdAt, id, taskId }: SessionDocument): Promise<Place> => {
    const record = await loadTaskRecord(opened, taskId);
    const savedOn = record === undefined || record.machine === machine ? undefined : printableLine(record.machine);
    const { outputDirectory } = record ?? {};
    board.change(id, (view) => ({ ...view, detail: { ...view.detail, outputDirectory } }));
    return { part: 0, at: createdAt.getTime(), outputDirectory, savedOn, isBroken: false };
  };
  const isOther = (id: string): boolean => board.get(id)?.detail.isHere === false;

  const readOn = async (id: string, latest: () => SessionDocument | undefined): Promise<void> => {
    try {
      const document = latest();
      if (document === undefined) return;
      const place = places.get(id) ?? (await begin(document));
      places.set(id, place);
      if (place.isBroken) return;
      for (;;) {
        const entries = await readJournalPart(opened, id, place.part);
        // It may have been taken up here meanwhile.
        if (entries === undefined || !isOther(id)) return;
        place.part += 1;
        board.change(id, (view) => withDocument(withEntries(view, entries, place), latest() ?? document, now()));
      }
    } catch (error) {
      places.set(id, { ...(places.get(id) ?? NOWHERE), isBroken: true });
      const text = printableLine(`what was written down of it cannot be read: ${messageOf(error)}`);
      board.change(id, (view) => withLine(view, { at: now().getTime(), kind: 'warning', text }));
    }
  };

  return {
    async read(id, latest) {
      if (!isOther(id)) return;
      // Never two at once: what both found would be there twice.
      const reading = under.get(id) ?? readOn(id, latest).finally(() => under.delete(id));
      under.set(id, reading);
      await reading;
    },
  };
}

const NOWHERE = { part: 0, at: 0, outputDirectory: undefined, savedOn: undefined, isBroken: true } as const;

function withEntries(view: SessionView, entries: readonly JournalEntry[], place: Place): SessionView {
  let next = view;
  for (const entry of entries) {
    if (entry.kind === 'event') place.at = entry.event.at.getTime();
    next = reduceEntry(next, openable(entry, place), place.at, place.savedOn);
  }
  return next;
}

/** Who can write to the store could name any file of this machine: only what lies where the task delivers to is opened. */
function openable(entry: JournalEntry, { outputDirectory }: Place): JournalEntry {
  if (entry.kind !== 'event' || entry.savedTo === undefined) return entry;
  if (outputDirectory !== undefined && isInside(outputDirectory, entry.savedTo)) return entry;
  const { event } = entry;
  return { kind: 'event', event };
}
