import { noCipher } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { describe, expect, it } from 'vitest';

import type { StartOpencodeSessionOptions } from './options.ts';
import { refreshTask } from './refresh-task.ts';

const base = { store: createMemoryStore(), cipher: noCipher, taskId: 'a', task: 'old' } as StartOpencodeSessionOptions;
const quiet = (): void => undefined;

describe('refreshTask', () => {
  it('writes AGENTS.md out of the options, unless it is to stay', async () => {
    expect(await refreshTask(base, quiet)).toEqual({ options: base, isRefreshed: true });
    expect(await refreshTask({ ...base, refresh: 'never' }, quiet)).toMatchObject({ isRefreshed: false });
  });

  it('asks a function what the task is by now', async () => {
    const refresh = async ({ task }: { readonly task: string }) => ({
      task: `${task}, and more`,
      config: { theme: 'dark' },
      workdirExclude: ['*.log'],
    });
    const { options, isRefreshed } = await refreshTask({ ...base, refresh }, quiet);
    expect(options).toMatchObject({ task: 'old, and more', config: { theme: 'dark' }, workdirExclude: ['*.log'] });
    expect(isRefreshed).toBe(true);
  });

  it('leaves the old one when the function fails, and says so', async () => {
    const told: unknown[] = [];
    const refresh = (): never => {
      throw new Error('no network');
    };
    expect(await refreshTask({ ...base, refresh }, (event) => void told.push(event))).toMatchObject({
      options: { task: 'old' },
      isRefreshed: false,
    });
    expect(told).toMatchObject([{ code: 'REFRESH_FAILED', message: expect.stringContaining('no network') }]);
  });
});
