import type { OpencodeSession } from '@optio-ts/opencode-session';

import { line } from '../report/line.ts';
import type { ReportLine } from '../report/line.ts';
import type { Reporter } from '../report/reporter.ts';
import { summaryLines } from '../report/summary-lines.ts';
import type { Board } from './board.ts';
import { reduceSession } from './reduce-session.ts';
import { newSessionView, withLine } from './session-view.ts';

/** A reporter whose reader is the board. */
export interface SessionReporter extends Reporter {
  /** The session is there: what was reported before is shown as the beginning of its history. */
  begin(
    session: Pick<OpencodeSession, 'id' | 'taskId'>,
    place: { readonly host: string; readonly outputDirectory: string },
  ): void;
}

/** Creates the reporter of one task. */
export function createSessionReporter(board: Board, now: () => number = Date.now): SessionReporter {
  let id: string | undefined;
  const early: { readonly at: number; readonly line: ReportLine }[] = [];

  const add = (report: ReportLine): void => {
    if (id === undefined) early.push({ at: now(), line: report });
    else board.change(id, (view) => withLine(view, { at: now(), kind: report.kind, text: report.text }));
  };

  return {
    begin(session, place) {
      id = session.id;
      let view = newSessionView({ id, taskId: session.taskId, ...place, at: now() });
      for (const { at, line: report } of early.splice(0)) {
        view = withLine(view, { at, kind: report.kind, text: report.text });
      }
      board.set(view);
    },
    event(event, savedTo) {
      if (id !== undefined) board.change(id, (view) => reduceSession(view, event, savedTo));
    },
    step: (message) => add(line('progress', message, { step: message })),
    note: (message) => add(line('info', message)),
    warning: (message) => add(line('warning', message)),
    summary(summary) {
      const { details, headline } = summaryLines(summary);
      add(line(summary.state === 'done' ? 'success' : 'error', `${headline} (${details.join(', ')})`));
    },
    close: () => undefined,
  };
}
