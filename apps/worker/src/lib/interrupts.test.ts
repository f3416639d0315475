import { EventEmitter } from 'node:events';

import { describe, expect, it } from 'vitest';

import { listenForInterrupts } from './interrupts.ts';

function start() {
  const source = new EventEmitter();
  let time = 1000;
  const interrupts = listenForInterrupts({ source, now: () => time });
  const state = { forced: undefined as string | undefined };
  void interrupts.forced.then((signal) => (state.forced = signal));
  return {
    source,
    interrupts,
    press: async (signal: string, after = 0) => {
      time += after;
      source.emit(signal);
      await Promise.resolve();
      await Promise.resolve();
      return { first: interrupts.first, aborted: interrupts.abortSignal.aborted, ...state };
    },
  };
}

describe('listenForInterrupts', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])(
    'asks for an orderly end on the first %s, and forces it on the second',
    async (signal) => {
      const { interrupts, press } = start();
      expect(interrupts.abortSignal.aborted).toBe(false);
      expect(await press(signal)).toEqual({ first: signal, aborted: true, forced: undefined });
      expect(await press(signal, 600)).toEqual({ first: signal, aborted: true, forced: signal });
      expect(String(interrupts.abortSignal.reason)).toContain(signal);
    },
  );

  it('takes what pnpm and npx pass on for the same press', async () => {
    const { press } = start();
    await press('SIGINT');
    expect(await press('SIGINT', 20)).toMatchObject({ forced: undefined });
    expect(await press('SIGTERM', 300)).toMatchObject({ forced: undefined });
    expect(await press('SIGINT', 400)).toMatchObject({ forced: 'SIGINT' });
  });

  it('lets go of the signals when it is disposed', () => {
    const { interrupts, source } = start();
    expect(source.eventNames()).toHaveLength(3);
    interrupts[Symbol.dispose]();
    expect(source.eventNames()).toEqual([]);
  });
});
