import { setTimeout as wait } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { untilInterrupted } from './until-interrupted.ts';

describe('untilInterrupted', () => {
  it('says what goes on, where somebody no longer waits for it', async () => {
    const controller = new AbortController();
    const waiting = untilInterrupted(wait(60_000, 1, { signal: controller.signal }), controller.signal, 'it goes on');
    controller.abort(new Error('SIGINT'));
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED', message: 'no longer waiting: it goes on' });
  });

  it('hands on what comes, and what goes wrong', async () => {
    const { signal } = new AbortController();
    expect(await untilInterrupted(Promise.resolve(1), signal, 'x')).toBe(1);
    await expect(untilInterrupted(Promise.reject(new Error('broken')), signal, 'x')).rejects.toThrow('broken');
  });
});
