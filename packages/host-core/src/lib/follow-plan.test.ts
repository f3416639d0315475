import { describe, expect, it } from 'vitest';

import { planLook, wishFor } from './follow-plan.ts';

describe('wishFor', () => {
  it.each([
    ['counts from the last question', 100, 1000, 1010, 1100],
    ['waits a quarter of the pause after an answer that took long', 100, 1000, 1200, 1225],
    ['waits for nothing without a pause', 0, 1000, 1010, 1010],
    ['waits a little before the first look', 100, -Infinity, 10, 35],
  ])('%s', (_, pauseMs, askedAt, now, dueAt) => {
    expect(wishFor(pauseMs, askedAt, now)).toEqual({ dueAt, earliestAt: dueAt - pauseMs / 2 });
  });
});

describe('planLook', () => {
  it('takes along with the first that is due what may come, and nothing that has just been looked at', () => {
    const wishes = [
      [1, { earliestAt: 50, dueAt: 100 }],
      [2, { earliestAt: 90, dueAt: 140 }],
      [3, { earliestAt: 110, dueAt: 160 }],
      [4, undefined],
    ] as const;
    expect(planLook(wishes, 60)).toEqual({ waitMs: 40, ids: [1] });
    expect(planLook(wishes, 100)).toEqual({ waitMs: 0, ids: [1, 2] });
  });

  it('waits for ever when nobody wants anything', () => {
    expect(planLook([[1, undefined]], 5)).toEqual({ waitMs: Infinity, ids: [] });
  });
});
