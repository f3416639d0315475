import { getEventListeners } from 'node:events';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { keepAgentAlive } from './keep-agent-alive.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('renews at once, and again as soon as the host has answered, until the agent has ended', async () => {
  const exit = Promise.withResolvers<never>();
  const answers: PromiseWithResolvers<void>[] = [];
  const renewLease = async (): Promise<void> => {
    const answer = Promise.withResolvers<void>();
    answers.push(answer);
    return answer.promise;
  };
  const failures: unknown[] = [];
  const { signal } = new AbortController();
  const onFailure = (error: unknown): void => void failures.push(error);
  keepAgentAlive({ process: { exited: exit.promise, renewLease }, leaseMs: 4000, onFailure, abortSignal: signal });
  // An agent that was without a worker may have less than a quarter of its lease left.
  expect(answers).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(answers).toHaveLength(1);
  const error = new Error('no link');
  answers[0]?.reject(error);
  await vi.advanceTimersByTimeAsync(1000);
  expect([answers.length, failures]).toEqual([2, [error]]);
  exit.reject(new Error('gone'));
  await vi.advanceTimersByTimeAsync(0);
  expect([vi.getTimerCount(), getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
});

it('does nothing once it was told to end, and refuses a lease that is none', () => {
  const process = { exited: new Promise<never>(() => undefined), renewLease: vi.fn<() => Promise<void>>() };
  keepAgentAlive({ process, leaseMs: 1000, abortSignal: AbortSignal.abort() });
  expect([process.renewLease.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
  for (const leaseMs of [0, -1, Number.NaN]) {
    expect(() => keepAgentAlive({ process, leaseMs, abortSignal: new AbortController().signal })).toThrow(TypeError);
  }
});
