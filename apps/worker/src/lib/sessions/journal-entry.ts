import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';

import type { Reporter, TaskSummary } from '../report/reporter.ts';

/** One thing that was reported of a session. */
export type JournalEntry =
  | { readonly kind: 'event'; readonly event: OpencodeSessionEvent; readonly savedTo?: string }
  | { readonly kind: 'step' | 'note' | 'warning'; readonly message: string }
  | { readonly kind: 'summary'; readonly summary: TaskSummary };

/** Entries as text. What cannot be written down, the content of a deliverable, drops out. */
export function writeEntries(entries: readonly JournalEntry[]): string {
  return JSON.stringify(entries);
}

/** Entries that `writeEntries` wrote. */
export function readEntries(text: string): readonly JournalEntry[] {
  return (JSON.parse(text) as readonly JournalEntry[]).map((entry) =>
    entry.kind === 'event' ? { ...entry, event: { ...entry.event, at: new Date(entry.event.at) } } : entry,
  );
}

/** Reports again what was reported before. The summary is left to the caller. */
export function replay(entry: JournalEntry, reporter: Reporter): void {
  if (entry.kind === 'event') reporter.event(entry.event, entry.savedTo);
  else if (entry.kind !== 'summary') reporter[entry.kind](entry.message);
}
