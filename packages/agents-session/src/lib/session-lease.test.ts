import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { createEndings } from './endings.ts';
import { watchOwnership } from './session-lease.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('does not wait for ever for a store that does not answer', async () => {
  const endings = createEndings();
  const lost = new AbortController().signal;
  const owner = watchOwnership({ lost, confirm: async () => new Promise(() => undefined) }, endings);
  const check = owner.check();
  await vi.advanceTimersByTimeAsync(300_000);
  expect(await check).toBe(false);
  expect(endings.list).toMatchObject([{ type: 'disowned', isTaken: false }]);
  expect(vi.getTimerCount()).toBe(0);
});
