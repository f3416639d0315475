import { describe, expect, it } from 'vitest';

import { planPrune } from './plan-prune.ts';
import type { PlanPruneOptions, PrunableSession } from './plan-prune.ts';

const now = new Date('2026-11-26T12:00:00Z');
const daysAgo = (days: number): Date => new Date(now.getTime() - days * 86_400_000);

/** Sessions by `task days`, the newest first; with a `*` it has not ended. */
function plan(sessions: readonly string[], more: Partial<PlanPruneOptions>): Record<string, readonly string[]> {
  const listed = sessions.map((text): PrunableSession => {
    const [taskId = '', days = '', star] = text.split(' ');
    return { id: `${taskId}${days}`, taskId, isEnded: star === undefined, at: daysAgo(Number(days)) };
  });
  const none = new Set<string>();
  const {
    keptForResume,
    sessions: going,
    tasks,
  } = planPrune({ sessions: listed, resumable: none, queued: none, now, ...more });
  const ids = (list: readonly PrunableSession[]): string[] => list.map(({ id }) => id);
  return { going: ids(going), tasks, kept: ids(keptForResume) };
}

describe('planPrune', () => {
  it('lets go what ended before a time, and tasks of which nothing is left', () => {
    const sessions = ['a 1', 'b 10', 'a 20', 'c 40 *', 'c 50'];
    expect(plan(sessions, { endedBefore: daysAgo(5) })).toEqual({
      going: ['b10', 'a20', 'c50'],
      tasks: ['b'],
      kept: [],
    });
  });

  it('keeps so many of the newest that have ended, whatever their age', () => {
    const sessions = ['a 0.5 *', 'a 1', 'b 2', 'c 3'];
    expect(plan(sessions, { keep: 2 })).toEqual({ going: ['c3'], tasks: ['c'], kept: [] });
    expect(plan(sessions, { keep: 1, endedBefore: daysAgo(2.5) })).toMatchObject({ going: ['c3'] });
    expect(plan(sessions, { keep: 0 })).toMatchObject({ going: ['a1', 'b2', 'c3'], tasks: ['b', 'c'] });
  });

  it('keeps the newest session of a task that can be resumed', () => {
    const resumable = new Set(['a']);
    expect(plan(['a 10', 'a 20', 'b 30'], { endedBefore: daysAgo(5), resumable })).toEqual({
      going: ['a20', 'b30'],
      tasks: ['b'],
      kept: ['a10'],
    });
  });

  it('leaves alone what is in the queue, and what has only just ended', () => {
    expect(plan(['a 10', 'b 20'], { endedBefore: daysAgo(5), queued: new Set(['a']) })).toMatchObject({
      going: ['b20'],
    });
    expect(plan(['a 0', 'b 0.0001'], { keep: 0 })).toMatchObject({ going: [] });
  });
});
