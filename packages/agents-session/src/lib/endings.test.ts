import { expect, it } from 'vitest';

import { createEndings } from './endings.ts';

it('leaves an end as it is when a cancel comes later, but hurries', async () => {
  const endings = createEndings();
  const exited = { type: 'exited', exit: { exitCode: 1, signal: undefined } } as const;
  endings.add(exited);
  expect(endings.hurry.aborted).toBe(false);
  endings.add({ type: 'cancelled', message: 'too late' });
  expect([endings.list, await endings.first, endings.hurry.aborted]).toEqual([[exited], exited, true]);
});

it('takes the first cancel of several', () => {
  const endings = createEndings();
  endings.add({ type: 'cancelled', message: 'first' });
  endings.add({ type: 'cancelled', message: 'second' });
  expect(endings.list).toEqual([{ type: 'cancelled', message: 'first' }]);
});
