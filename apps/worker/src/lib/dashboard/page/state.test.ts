import { describe, expect, it } from 'vitest';

import type { LogLine, SessionDetail, SessionSummary } from '../protocol.ts';
import { NOTHING, reduceState, sorted } from './state.ts';

const summary = (id: string, change: Partial<SessionSummary> = {}): SessionSummary => ({
  id,
  taskId: id,
  host: 'local',
  state: 'live',
  outcome: undefined,
  createdAt: 1,
  updatedAt: 1,
  status: undefined,
  percent: undefined,
  attention: undefined,
  requestCount: 0,
  isHere: true,
  isLeft: false,
  ...change,
});
const line = (number: number): LogLine => ({ number, at: 1, kind: 'agent', text: `${number}` });

describe('reduceState', () => {
  it('keeps the sessions that a message does not name as they are', () => {
    const [first, second] = [summary('a'), summary('b')];
    const whole = reduceState(NOTHING, { type: 'sessions', isWhole: true, sessions: [first, second] });
    const changed = reduceState(whole, {
      type: 'sessions',
      isWhole: false,
      sessions: [summary('b', { status: 'further' })],
    });
    expect(changed.sessions?.get('a')).toBe(first);
    expect(changed.sessions?.get('b')?.status).toBe('further');
    const again = reduceState(changed, { type: 'sessions', isWhole: true, sessions: [] });
    expect(again.sessions?.size).toBe(0);
  });

  it('adds lines, drops the oldest, and begins anew with a whole session', () => {
    const session = summary('a') as SessionDetail;
    const of = (isWhole: boolean, lines: readonly LogLine[]) => ({ type: 'session', isWhole, session, lines }) as const;
    const many = Array.from({ length: 1999 }, (_, number) => line(number));
    const full = reduceState(NOTHING, of(true, many));
    const more = reduceState(full, of(false, [line(1999), line(2000)]));
    expect([more.lines.length, more.lines[0]?.number, more.lines.at(-1)?.number]).toEqual([2000, 1, 2000]);
    expect(reduceState(more, of(true, [line(7)])).lines).toEqual([line(7)]);
  });
});

describe('sorted', () => {
  it('puts those first that call, then those that run, each from the newest', () => {
    const sessions = [
      summary('ended', { state: 'ended', createdAt: 9, attention: 'no more' }),
      summary('old', { createdAt: 2 }),
      summary('new', { createdAt: 3 }),
      summary('asks', { requestCount: 1, createdAt: 1 }),
    ];
    const order = sorted(new Map(sessions.map((session) => [session.id, session])));
    expect(order.map(({ id }) => id)).toEqual(['asks', 'new', 'old', 'ended']);
  });
});
