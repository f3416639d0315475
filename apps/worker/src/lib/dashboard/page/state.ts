import type { LogLine, SessionDetail, SessionSummary, WatchMessage } from '../protocol.ts';

/** What the page knows. Values: a message makes a new one. */
export interface State {
  /** `undefined` before the first message. */
  readonly sessions: ReadonlyMap<string, SessionSummary> | undefined;
  /** The session whose page is open. */
  readonly session: SessionDetail | undefined;
  readonly lines: readonly LogLine[];
  /** The session whose page is open is known to nobody. */
  readonly isUnknown: boolean;
}

export const NOTHING: State = { sessions: undefined, session: undefined, lines: [], isUnknown: false };

const MOST_LINES = 2000;

/** What the page knows after a message. Pure. */
export function reduceState(state: State, message: WatchMessage): State {
  switch (message.type) {
    case 'sessions': {
      const sessions = new Map(message.isWhole ? [] : state.sessions);
      for (const session of message.sessions) sessions.set(session.id, session);
      return { ...state, sessions };
    }
    case 'session': {
      const { session, isWhole, lines } = message;
      const all = isWhole ? lines : [...state.lines, ...lines];
      return { ...state, session, isUnknown: false, lines: all.slice(-MOST_LINES) };
    }
    case 'unknown-session':
      return { ...state, session: undefined, lines: [], isUnknown: true };
    case 'beat':
      return state;
  }
}

/** Sessions in the order of the list: those that call for a person, those that run, the newest. */
export function sorted(sessions: ReadonlyMap<string, SessionSummary>): readonly SessionSummary[] {
  const rank = (session: SessionSummary): number => (isCalling(session) ? 0 : session.state === 'ended' ? 2 : 1);
  return [...sessions.values()].toSorted((left, right) => rank(left) - rank(right) || right.createdAt - left.createdAt);
}

/** Whether a person is called for. */
export function isCalling({ attention, requestCount, state }: SessionSummary): boolean {
  return state !== 'ended' && (attention !== undefined || requestCount > 0);
}
