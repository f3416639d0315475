import type { ReportLine } from '../report/line.ts';
import { line } from '../report/line.ts';
import { summaryLines } from '../report/summary-lines.ts';
import type { JournalEntry } from '../sessions/journal-entry.ts';
import { reduceSession } from './reduce-session.ts';
import { withLine } from './session-view.ts';
import type { SessionView } from './session-view.ts';

/** What a session looks like after something was reported of it, `at` a time, in whatever process it runs. Pure. */
export function reduceEntry(view: SessionView, entry: JournalEntry, at: number, savedOn?: string): SessionView {
  if (entry.kind === 'event') return reduceSession(view, entry.event, entry.savedTo, savedOn);
  const { kind, text } = reportLineOf(entry);
  return withLine(view, { at, kind, text });
}

function reportLineOf(entry: Exclude<JournalEntry, { readonly kind: 'event' }>): ReportLine {
  if (entry.kind === 'summary') {
    const { details, headline } = summaryLines(entry.summary);
    return line(KINDS[entry.summary.state], `${headline} (${details.join(', ')})`);
  }
  const { kind, message } = entry;
  return kind === 'step' ? line('progress', message) : line(kind === 'note' ? 'info' : 'warning', message);
}

/** One that a person has cancelled did not go wrong. */
const KINDS = { done: 'success', cancelled: 'info', failed: 'error', lost: 'error' } as const;
