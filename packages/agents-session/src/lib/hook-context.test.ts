import { createLocalHost } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import type { CopySource } from './copy-source.ts';
import { createHookContext } from './hook-context.ts';
import type { HookContext } from './hook-context.ts';

function createContext(): { readonly context: HookContext; readonly emitted: object[] } {
  const emitted: object[] = [];
  const context = createHookContext({
    host: createLocalHost(),
    sessionId: 's',
    workdir: '/does/not/exist',
    isAdopted: false,
    browserEnv: {},
    abortSignal: new AbortController().signal,
    sendToAgent: () => Promise.resolve(false),
    emit: (body) => void emitted.push(body),
  });
  return { context, emitted };
}

describe('HookContext', () => {
  it('reports a percent from 0 to 100, or none', () => {
    const { context, emitted } = createContext();
    for (const percent of [undefined, 0, 33.5, 100, 150, -1, Number.NaN]) context.report('x', percent);
    const rest = { type: 'progress', step: 'hook', message: 'x' };
    expect(emitted).toStrictEqual([rest, ...[0, 33.5, 100, 100, 0].map((percent) => ({ ...rest, percent })), rest]);
  });

  for (const source of ['a text', undefined, null, 7, ['a']]) {
    it(`does not guess what to copy from ${JSON.stringify(source)}, and says so before anything is done`, async () => {
      const { context, emitted } = createContext();
      const copied = context.copy(source as unknown as CopySource, 'a.txt');
      await expect(copied).rejects.toThrow(/^copy takes bytes, a stream of bytes, or \{ localPath \}/);
      expect(emitted).toEqual([]);
    });
  }
});
