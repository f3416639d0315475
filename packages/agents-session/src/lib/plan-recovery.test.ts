import { describe, expect, it } from 'vitest';

import { planRecovery } from './plan-recovery.ts';
import type { LeftSession, RecoveryPlan } from './plan-recovery.ts';

const left: LeftSession = {
  state: 'live',
  owner: 'ours',
  directory: 'held',
  isAgentRunning: true,
  isSaved: false,
};

const cases: readonly (readonly [string, Partial<LeftSession>, RecoveryPlan['action']])[] = [
  ['one whose agent runs', {}, 'adopt'],
  ['one that nobody owns', { owner: 'nobody' }, 'adopt'],
  ['one that was being ended while its agent ran', { state: 'ending' }, 'adopt'],
  ['one whose agent has ended', { isAgentRunning: false }, 'finish'],
  ['one that was being ended', { state: 'ending', isAgentRunning: false }, 'finish'],
  ['one that was being ended when all was safe', { state: 'ending', isAgentRunning: false, isSaved: true }, 'forget'],
  ['one whose agent had not begun', { state: 'starting', isAgentRunning: false }, 'forget'],
  ['one whose agent ran before anybody wrote that down', { state: 'starting' }, 'forget'],
  ['one whose host was emptied', { directory: 'gone', isAgentRunning: false }, 'forget'],
  ['one whose directory another run has', { directory: 'foreign' }, 'forget'],
  ['one whose host was not looked at', { directory: 'unknown' }, 'look'],
  ['one whose host does not answer', { directory: 'unreachable' }, 'leave'],
  ['one that another worker has', { owner: 'other' }, 'leave'],
  ["another worker's, wherever it is", { owner: 'other', directory: 'gone' }, 'leave'],
  ['one that has ended', { state: 'ended' }, 'leave'],
];

describe('planRecovery', () => {
  it('says why it forgets one that never got to a start: what is to be kept is safe, or there is nothing', () => {
    const reasonOf = (isSaved: boolean): RecoveryPlan => planRecovery({ ...left, state: 'starting', isSaved });
    expect(reasonOf(true)).toEqual({ action: 'forget', reason: 'all that is to be kept is safe' });
    expect(reasonOf(false)).toEqual({ action: 'forget', reason: 'its agent had not begun' });
  });

  for (const [name, facts, action] of cases) {
    it(`${action}: ${name}`, () => {
      expect(planRecovery({ ...left, ...facts }).action).toBe(action);
    });
  }
});
