import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { decideIdle, INITIAL_IDLE_STATE } from './idle-policy.ts';
import type { AgentActivity, IdleAction } from './idle-policy.ts';
import { watchIdle } from './idle-watch.ts';

const limit = { type: 'limit' } as const;
const idle = { type: 'idle' } as const;
const busy = { type: 'busy' } as const;

/** The actions that a row of signals leads to, in short. */
function play(inputs: readonly (AgentActivity | typeof limit)[], canRemind = true): string[] {
  const seen: string[] = [];
  let state = INITIAL_IDLE_STATE;
  for (const input of inputs) {
    const decision = decideIdle(state, input, canRemind);
    state = decision.state;
    if (decision.action !== undefined) seen.push(describeAction(decision.action));
  }
  return seen;
}

function describeAction(action: IdleAction): string {
  if (action.type === 'remind') return action.failure === undefined ? 'remind' : `remind (${action.failure})`;
  return action.type === 'fail' ? `fail: ${action.message}` : `attention: ${action.reason}`;
}

const silent = 'The agent stopped without DONE or ERROR';

describe('decideIdle', () => {
  it('reminds, calls for attention, and fails', () => {
    expect(play([idle, limit, limit, limit])).toEqual(['remind', `attention: ${silent}`, `fail: ${silent}`]);
  });

  it('skips the reminder when the agent cannot be spoken to', () => {
    expect(play([idle, limit, limit], false)).toEqual([`attention: ${silent}`, `fail: ${silent}`]);
  });

  it('does nothing to an agent that works', () => {
    expect(play([busy, limit, idle, busy, limit])).toEqual([]);
  });

  it('gives one reminder only, but starts over after attention', () => {
    expect(play([idle, limit, busy, idle, limit])).toEqual(['remind', `attention: ${silent}`]);
    expect(play([idle, limit, limit, busy, idle, limit, limit])).toEqual([
      'remind',
      `attention: ${silent}`,
      'remind',
      `attention: ${silent}`,
    ]);
  });

  it("fails with the model's own message", () => {
    const failed: AgentActivity = { type: 'failed', message: 'quota' };
    expect(play([failed, idle, limit, limit, limit])).toEqual([
      'remind (quota)',
      "attention: The agent's model failed: quota",
      "fail: The agent's model failed: quota",
    ]);
    expect(play([failed, busy, idle, limit])).toEqual(['remind']);
  });

  it('fails at once when another turn would fail in the same way, unless a person drives', () => {
    const failed: AgentActivity = { type: 'failed', message: 'no such model', isLasting: true };
    expect(play([busy, failed])).toEqual(["fail: The agent's model failed: no such model"]);
    expect(play([{ type: 'attended', isAttended: true }, busy, failed, idle, limit])).toEqual([]);
  });

  it('calls for attention at once when the agent waits for a person, and does not fail it', () => {
    expect(play([{ type: 'waiting', reason: 'may I?' }, limit, limit])).toEqual(['attention: may I?']);
  });

  it('does not take an agent for idle that waits for a person', () => {
    const asks: AgentActivity = { type: 'waiting', reason: 'may I?' };
    expect(play([idle, asks, limit])).toEqual(['attention: may I?']);
    const { state } = decideIdle({ ...INITIAL_IDLE_STATE, isIdle: true }, asks, true);
    expect(state.isIdle).toBe(false);
  });

  it('leaves an agent alone that a person drives', () => {
    const attended = (isAttended: boolean): AgentActivity => ({ type: 'attended', isAttended });
    expect(decideIdle({ ...INITIAL_IDLE_STATE, isAttended: true }, idle, true).clock).toBe('keep');
    expect(decideIdle(INITIAL_IDLE_STATE, attended(false), true).clock).toBe('keep');
    // It is a new row then: the person may have brought it on its way.
    expect(play([idle, limit, attended(true), attended(false), limit])).toEqual(['remind', 'remind']);
    expect(play([attended(true), idle, limit, { type: 'waiting', reason: 'x' }])).toEqual([]);
    expect(play([idle, attended(true), limit, attended(false), limit])).toEqual(['remind']);
    expect(decideIdle({ ...INITIAL_IDLE_STATE, isIdle: true, isAttended: true }, attended(false), true).clock).toBe(
      'start',
    );
  });

  it('runs the clock from the first word of idleness', () => {
    const first = decideIdle(INITIAL_IDLE_STATE, idle, true);
    expect([first.clock, decideIdle(first.state, idle, true).clock]).toEqual(['start', 'keep']);
  });
});

describe('watchIdle', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('takes each step after the limit, and stops when it is aborted', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const closed = vi.fn<() => void>();
    async function* activity(): AsyncGenerator<AgentActivity> {
      try {
        yield idle;
        await new Promise((resolve) => {
          controller.signal.addEventListener('abort', resolve);
        });
      } finally {
        closed();
      }
    }
    const watch = watchIdle({
      activity: activity(),
      limitMs: 1000,
      canRemind: () => true,
      act: (action) => seen.push(action.type),
      onFailure: (message) => seen.push(message),
      abortSignal: controller.signal,
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toEqual(['remind']);
    await vi.advanceTimersByTimeAsync(1000);
    expect(seen).toEqual(['remind', 'attention']);
    controller.abort();
    await watch;
    await vi.advanceTimersByTimeAsync(5000);
    expect(seen).toEqual(['remind', 'attention']);
    expect(closed).toHaveBeenCalledOnce();
  });

  it('says when there is no signal to begin with, and closes one that comes too late', async () => {
    const seen: string[] = [];
    const closed = vi.fn<() => Promise<never>>(() => Promise.reject(new Error('not closed')));
    const watch = (iterate: () => AsyncIterator<AgentActivity>, abortSignal: AbortSignal): Promise<void> =>
      watchIdle({
        activity: { [Symbol.asyncIterator]: iterate },
        limitMs: 10,
        canRemind: () => false,
        act: (action) => seen.push(action.type),
        onFailure: (message) => seen.push(message),
        abortSignal,
      });
    await watch(() => {
      throw new Error('no signal');
    }, new AbortController().signal);
    await watch(() => ({ next: async () => new Promise(() => undefined), return: closed }), AbortSignal.abort());
    await vi.advanceTimersByTimeAsync(0);
    expect([closed.mock.calls.length, seen]).toEqual([1, ['no signal', 'not closed']]);
  });

  it('says when the signal breaks off, and goes on with the clock', async () => {
    const seen: string[] = [];
    async function* activity(): AsyncGenerator<AgentActivity> {
      yield idle;
      throw new Error('gone');
    }
    await watchIdle({
      activity: activity(),
      limitMs: 10,
      canRemind: () => false,
      act: (action) => seen.push(action.type),
      onFailure: (message) => seen.push(message),
      abortSignal: new AbortController().signal,
    });
    await vi.advanceTimersByTimeAsync(20);
    expect(seen).toEqual(['gone', 'attention', 'fail']);
  });
});
