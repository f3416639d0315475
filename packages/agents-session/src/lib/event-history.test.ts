import { expect, it } from 'vitest';

import { EventHistory } from './event-history.ts';

it('stays bounded when all must be kept, and does not look at all of it for each event that comes', () => {
  let looks = 0;
  const history = new EventHistory<number>({
    limit: 10_000,
    weigh: () => 10,
    isExpendable: () => {
      looks += 1;
      return false;
    },
  });
  for (let number = 0; number < 100_000; number += 1) history.push(number);
  const first = history.from(0)?.sequence ?? 0;
  expect((100_000 - first) * 10).toBeLessThanOrEqual(22_500);
  expect(looks).toBeLessThan(2_000_000);
});

it('lets the oldest that may go first go first, down to three quarters, and never the newest', () => {
  const history = new EventHistory<string>({
    limit: 8,
    weigh: ({ length }) => length,
    isExpendable: (event) => event.startsWith('-'),
  });
  const kept = (): string[] => {
    const events: string[] = [];
    for (let entry = history.from(0); entry !== undefined; entry = history.from(entry.sequence + 1)) {
      events.push(entry.event);
    }
    return events;
  };
  for (const event of ['-a', 'b!', '-c', '-d']) history.push(event);
  expect(kept()).toEqual(['-a', 'b!', '-c', '-d']);
  history.push('-e');
  expect(kept()).toEqual(['b!', '-d', '-e']);
  history.push('-all of it');
  expect(kept()).toEqual(['b!', '-all of it']);
  expect(history.nextSequence).toBe(6);
});
