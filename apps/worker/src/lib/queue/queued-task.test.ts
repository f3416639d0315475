import { noCipher } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { describe, expect, it } from 'vitest';

import { getQueuedTask, insertQueuedTask, openQueuedTask } from './queued-task.ts';

describe('insertQueuedTask', () => {
  it('keeps what was said beside the file, and no path of the machine that submits', async () => {
    const opened = { store: createMemoryStore(), cipher: noCipher };
    const said = { text: 'task: x', path: 'x.yaml', origin: 'queue', seed: 'a seed', added: ['and y'] } as const;
    await insertQueuedTask(opened, 'x', { ...said, directory: '/home/ada' }, { isResumed: true });
    expect(await openQueuedTask(opened, 'x')).toEqual({ ...said, directory: '/' });
    expect(await getQueuedTask(opened.store, 'x')).toMatchObject({ state: 'queued', isResumed: true });
  });
});
