import { getSessionDocument } from '@optio-ts/seed-engine';

import { exitCodeOfResult } from '../exit-code-of.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Reporter, TaskSummary } from '../report/reporter.ts';
import { replay } from './journal-entry.ts';
import { readJournal } from './read-journal.ts';
import type { SealedStore } from './task-record.ts';

/** Options of `followToEnd`. */
export interface FollowToEndOptions extends SealedStore {
  readonly sessionId: string;
  /** Hears of everything, but for the summary. @default nobody */
  readonly reporter?: Reporter;
  readonly abortSignal: AbortSignal;
}

/** Watches a session, in whatever process it runs, until it is over. Its summary is `undefined` where nobody wrote one. */
export async function followToEnd(
  options: FollowToEndOptions,
): Promise<{ readonly exitCode: number; readonly summary: TaskSummary | undefined }> {
  const { reporter, sessionId, store } = options;
  for await (const entry of readJournal({ ...options, follow: true })) {
    if (entry.kind === 'summary') return { exitCode: entry.summary.exitCode, summary: entry.summary };
    if (reporter !== undefined) replay(entry, reporter);
  }
  const outcome = (await getSessionDocument(store, sessionId))?.outcome;
  if (outcome === undefined) return { exitCode: EXIT_CODES.host, summary: undefined };
  const state = STATES.find((known) => known === outcome.state) ?? 'failed';
  return { exitCode: exitCodeOfResult({ state, reason: outcome.reason ?? '' }), summary: undefined };
}

const STATES = ['done', 'failed', 'cancelled', 'lost'] as const;
