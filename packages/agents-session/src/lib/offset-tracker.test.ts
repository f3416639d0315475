import { describe, expect, it } from 'vitest';

import type { LogPosition } from './events.ts';
import { createOffsetSaver } from './offset-saver.ts';
import { OffsetTracker } from './offset-tracker.ts';

const to = (offset: number): LogPosition => ({ generation: 0, offset });

describe('OffsetTracker', () => {
  it('goes past a line when it is settled and its events are handled', () => {
    const tracker = new OffsetTracker();
    const first = tracker.add(to(10));
    expect(tracker.take(100)).toBeUndefined();
    first.settle(2);
    expect(tracker.take(1)).toBeUndefined();
    expect(tracker.take(2)).toEqual(to(10));
    expect(tracker.take(2)).toBeUndefined();
  });

  it('never goes past a line that is worked on, whatever comes after it', () => {
    const tracker = new OffsetTracker();
    const slow = tracker.add(to(10));
    for (let line = 2; line < 5000; line += 1) tracker.add(to(line * 10)).settle(line);
    expect(tracker.take(Infinity)).toBeUndefined();
    slow.settle(1);
    expect(tracker.take(Infinity)).toEqual(to(49_990));
  });

  it('never goes past a line whose events came after those of later lines, however many marks are thinned out', () => {
    const tracker = new OffsetTracker();
    const slow = tracker.add(to(1));
    for (let line = 2; line <= 1000; line += 1) tracker.add(to(line)).settle(line);
    slow.settle(20_000);
    for (let line = 1001; line <= 10_000; line += 1) tracker.add(to(line)).settle(line);
    expect(tracker.take(19_999)).toBeUndefined();
    expect(tracker.take(20_000)).toEqual(to(10_000));
  });

  it('is bounded when listeners are far behind, and still exact in the end', () => {
    const tracker = new OffsetTracker();
    for (let line = 1; line <= 100_000; line += 1) tracker.add(to(line)).settle(line);
    // As near as the marks that are kept.
    for (const handled of [1000, 20_000, 50_000, 99_000]) {
      const { offset = 0 } = tracker.take(handled) ?? {};
      expect(offset).toBeLessThanOrEqual(handled);
      expect(offset).toBeGreaterThan(handled - 500);
    }
    expect(tracker.take(100_000)).toEqual(to(100_000));
  });
});

describe('createOffsetSaver', () => {
  it('saves one at a time, leaves out what is overtaken, and goes on after a failure', async () => {
    const positions = [to(1)];
    const saved: number[] = [];
    const failures: string[] = [];
    const gates: PromiseWithResolvers<void>[] = [];
    const saver = createOffsetSaver({
      take: () => positions.splice(0).at(-1),
      save: async ({ offset }) => {
        saved.push(offset);
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        await gate.promise;
      },
      onFailure: (message) => failures.push(message),
    });
    saver.poke();
    await Promise.resolve();
    await Promise.resolve();
    expect(saved).toEqual([1]);
    positions.push(to(2), to(3));
    saver.poke();
    gates[0]?.reject(new Error('no store'));
    const flushed = saver.flush();
    while (gates.length < 2) await Promise.resolve();
    gates[1]?.resolve();
    await flushed;
    expect(saved).toEqual([1, 3]);
    expect(failures).toEqual(['no store']);
  });
});
