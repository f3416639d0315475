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
  /** Absolute paths on this machine of what was delivered, in the order of `detail.deliverables`; none for what is elsewhere. */
  readonly paths: readonly (string | undefined)[];
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

/** A session of another process, or of an earlier one: what its document says, and what is known from elsewhere. */
export function withDocument(known: SessionView | undefined, document: SessionDocument, now: Date): SessionView {
  const { id, taskId, host, state, outcome, owner, requestedCancel } = document;
  const isOver = state === 'ended';
  const { detail, ...history } = known ?? { detail: UNKNOWN, lines: [], nextLine: 0, paths: [] };
  const isCancelled = !isOver && requestedCancel !== undefined;
  return {
    ...history,
    detail: {
      ...detail,
      id,
      taskId: printableLine(taskId),
      host: printableLine(host),
      state,
      outcome: outcome && {
        state: printableLine(outcome.state),
        message: outcome.message === undefined ? undefined : printableLine(outcome.message, 2000),
      },
      createdAt: document.createdAt.getTime(),
      updatedAt: document.updatedAt.getTime(),
      isLeft: !isOver && owner.leaseExpiresAt < now,
      hasInterface: state === 'live',
      ...(isCancelled && { status: 'Cancelled; its worker ends it' }),
      ...(isOver && OVER),
    },
  };
}

/** The part of a session that a list shows. */
export function summaryOf({ detail }: SessionView): SessionSummary {
  const { id, taskId, host, state, outcome, createdAt, updatedAt } = detail;
  const { status, percent, attention, requestCount, isHere, isLeft } = detail;
  const now = { status, percent, attention, requestCount };
  return { id, taskId, host, state, outcome, createdAt, updatedAt, ...now, isHere, isLeft };
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
  isLeft: false,
  version: undefined,
  isConfined: undefined,
  requests: [],
  deliverables: [],
  outputDirectory: undefined,
  seedId: undefined,
  snapshotId: undefined,
  hasInterface: false,
  interfaceLosses: 0,
  canResume: false,
  resumeProblem: undefined,
} as const;

/** Nobody waits for anything in a session that is over. */
export const OVER = {
  status: undefined,
  percent: undefined,
  attention: undefined,
  requests: [],
  requestCount: 0,
  hasInterface: false,
} as const;
