import type { OpencodeSession } from '@optio-ts/opencode-session';

import type { Reporter } from '../report/reporter.ts';
import type { JournalEntry } from '../sessions/journal-entry.ts';
import type { SessionPlace } from '../sessions/recover-here.ts';
import type { Board } from './board.ts';
import { reduceEntry } from './reduce-entry.ts';
import { newSessionView } from './session-view.ts';
import type { SessionView } from './session-view.ts';

/** A reporter whose reader is the board. */
export interface SessionReporter extends Reporter {
  /**
   * The session is there: what was reported before is shown as the beginning of its history, or after what another process has
   * reported of it.
   */
  begin(session: Pick<OpencodeSession, 'id' | 'taskId'>, place: SessionPlace): void;
}

/** Creates the reporter of one task. */
export function createSessionReporter(board: Board, now: () => number = Date.now): SessionReporter {
  let id: string | undefined;
  const early: { readonly at: number; readonly entry: JournalEntry }[] = [];

  const add = (entry: JournalEntry): void => {
    const at = now();
    if (id === undefined) early.push({ at, entry });
    else board.change(id, (view) => reduceEntry(view, entry, at));
  };

  return {
    begin(session, place) {
      id = session.id;
      const fresh = newSessionView({ id, taskId: session.taskId, ...place, at: now() });
      let view = takenUp(board.get(id), fresh);
      for (const { at, entry } of early.splice(0)) view = reduceEntry(view, entry, at);
      board.set(view);
    },
    event: (event, savedTo) => add({ kind: 'event', event, ...(savedTo !== undefined && { savedTo }) }),
    step: (message) => add({ kind: 'step', message }),
    note: (message) => add({ kind: 'note', message }),
    warning: (message) => add({ kind: 'warning', message }),
    summary: (summary) => add({ kind: 'summary', summary }),
    close: () => undefined,
  };
}

/** One that another process has begun keeps its history and what it delivered. */
function takenUp(known: SessionView | undefined, fresh: SessionView): SessionView {
  if (known === undefined) return fresh;
  const { createdAt, deliverables, state } = known.detail;
  return { ...known, detail: { ...fresh.detail, createdAt, deliverables, state } };
}
