import { HostError } from '@optio-ts/host-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { boundedStep, timeLeftMs } from './bounded.ts';
import { drainUntil } from './drain-until.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('drainUntil', () => {
  const start = (
    hurry = new AbortController(),
  ): { isDone: boolean; change: () => void; hurry: AbortController; result: Promise<boolean> } => {
    const state = { isDone: false, change: (): void => undefined, hurry, result: Promise.resolve(false) };
    state.result = drainUntil({
      isDone: () => state.isDone,
      onChange: (listener) => {
        state.change = listener;
        return () => {
          state.change = () => undefined;
        };
      },
      patienceMs: 100,
      hurry: hurry.signal,
      hurryMs: 30,
    });
    return state;
  };

  it('ends as soon as everything is done', async () => {
    const drain = start();
    drain.isDone = true;
    drain.change();
    expect(await drain.result).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for nothing where everything is done', async () => {
    const onChange = vi.fn<() => () => void>();
    const rest = { onChange, patienceMs: 1, hurry: new AbortController().signal, hurryMs: 1 };
    expect(await drainUntil({ isDone: () => true, ...rest })).toBe(true);
    expect([onChange.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('waits as long as something moves', async () => {
    const drain = start();
    const ended = vi.fn<(isDone: boolean) => void>();
    void drain.result.then(ended);
    for (let round = 0; round < 10; round += 1) {
      await vi.advanceTimersByTimeAsync(90);
      drain.change();
    }
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(100);
    expect(ended).toHaveBeenCalledWith(false);
  });

  it('gives up soon in a hurry, moves or not', async () => {
    const drain = start();
    const ended = vi.fn<(isDone: boolean) => void>();
    void drain.result.then(ended);
    drain.hurry.abort();
    await vi.advanceTimersByTimeAsync(29);
    drain.change();
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(ended).toHaveBeenCalledWith(false);
  });

  it('gives up soon when there was no time to begin with', async () => {
    const hurry = new AbortController();
    hurry.abort();
    const { result } = start(hurry);
    await vi.advanceTimersByTimeAsync(30);
    expect(vi.getTimerCount()).toBe(0);
    expect(await result).toBe(false);
  });
});

it('counts a deadline from the session’s first start, and lets none grow', () => {
  const cases = [
    [1000, 0],
    [1000, 400],
    [1000, 999],
    [1000, 1000],
    [1000, 5000],
    [1000, -400],
  ] as const;
  expect(cases.map(([deadlineMs, elapsedMs]) => timeLeftMs(deadlineMs, elapsedMs))).toEqual([1000, 600, 1, 1, 1, 1000]);
});

describe('boundedStep', () => {
  it('says what a step threw, also at once', async () => {
    const error = new Error('no');
    expect(await boundedStep(100, async () => Promise.reject(error))).toEqual({ message: 'no', error });
    expect(
      await boundedStep(100, () => {
        throw new TypeError('at once');
      }),
    ).toMatchObject({ message: 'at once' });
    expect(await boundedStep(100, () => 'fine')).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells a step that takes too long to stop, and gives it up when it does not', async () => {
    let signal: AbortSignal | undefined;
    const result = boundedStep(100, async (abortSignal) => {
      signal = abortSignal;
      await new Promise(() => undefined);
    });
    await vi.advanceTimersByTimeAsync(99);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal?.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await result).toEqual({ message: 'did not finish within 100 ms' });
  });

  it('says so when a step has waited for a lost link until then', async () => {
    const step = async (thrown: Error): Promise<unknown> => {
      const result = boundedStep(
        100,
        (abortSignal) =>
          new Promise((_resolve, reject) => {
            abortSignal.addEventListener('abort', () => reject(thrown));
          }),
      );
      await vi.advanceTimersByTimeAsync(100);
      return result;
    };
    const lost = new HostError('CONNECTION_LOST', 'the link is lost');
    expect(await step(lost)).toEqual({ message: 'did not finish within 100 ms: the link is lost', error: lost });
    expect(await step(new Error('ended'))).toEqual({ message: 'did not finish within 100 ms' });
  });
});
