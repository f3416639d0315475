import type { SessionDocument } from '@optio-ts/seed-engine';

import { printableLine } from '../printable.ts';
import type { LogLine, SessionDetail, SessionSummary } from './protocol.ts';

/** All that the dashboard knows of a session. Values: a change makes a new one. */
export interface SessionView {
  readonly detail: SessionDetail;
  /** The newest ones, oldest first. */
  readonly lines: readonly LogLine[];
  /** The number of the next line. */
  readonly nextLine: number;
  /** Absolute paths on this machine of what was delivered, in the order of `detail.deliverables`. */
  readonly paths: readonly string[];
}

/** So much of a session's history is kept; its log on the host has the rest while it runs. */
const MOST_LINES = 2000;

/** A session of this process of which nothing was heard yet. */
export function newSessionView(options: {
  readonly id: string;
  readonly taskId: string;
  readonly host: string;
  readonly outputDirectory: string;
  readonly at: number;
}): SessionView {
  const { at, ...own } = options;
  return {
    detail: { ...UNKNOWN, ...own, state: 'starting', createdAt: at, updatedAt: at, isHere: true },
    lines: [],
    nextLine: 0,
    paths: [],
  };
}

/** A session of another process, or of an earlier one: what its document says. */
export function viewOfDocument(document: SessionDocument): SessionView {
  const { id, taskId, host, state, outcome, requestedCancel } = document;
  return {
    detail: {
      ...UNKNOWN,
      id,
      taskId: printableLine(taskId),
      host: printableLine(host),
      state,
      outcome: outcome && {
        state: printableLine(outcome.state),
        message: outcome.message === undefined ? undefined : printableLine(outcome.message),
      },
      createdAt: document.createdAt.getTime(),
      updatedAt: document.updatedAt.getTime(),
      status: requestedCancel !== undefined && state !== 'ended' ? 'Cancelled; its worker ends it' : undefined,
    },
    lines: [],
    nextLine: 0,
    paths: [],
  };
}

/** The part of a session that a list shows. */
export function summaryOf({ detail }: SessionView): SessionSummary {
  const { id, taskId, host, state, outcome, createdAt, updatedAt } = detail;
  const { status, percent, attention, requestCount, isHere } = detail;
  return { id, taskId, host, state, outcome, createdAt, updatedAt, status, percent, attention, requestCount, isHere };
}

/** Adds a line, and drops the oldest where there are too many. */
export function withLine(view: SessionView, line: Omit<LogLine, 'number'>): SessionView {
  const kept = view.lines.length < MOST_LINES ? view.lines : view.lines.slice(1 - MOST_LINES);
  return { ...view, lines: [...kept, { number: view.nextLine, ...line }], nextLine: view.nextLine + 1 };
}

const UNKNOWN = {
  outcome: undefined,
  status: undefined,
  percent: undefined,
  attention: undefined,
  requestCount: 0,
  isHere: false,
  version: undefined,
  isConfined: undefined,
  requests: [],
  deliverables: [],
  outputDirectory: undefined,
  seedId: undefined,
  snapshotId: undefined,
  hasInterface: false,
  canResume: false,
} as const;
