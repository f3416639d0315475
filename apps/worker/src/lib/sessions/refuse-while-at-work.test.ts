import { changeDocument, createSessionDocument, noCipher, sessionCollection } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { describe, expect, it } from 'vitest';

import { refuseWhileAtWork } from './refuse-while-at-work.ts';
import { saveTaskRecord } from './task-record.ts';

const here = { taskId: 'nightly', host: 'this machine', hostName: 'local', machine: 'one' };

async function storeWith({ isLeft = false, isEnded = false, host = 'this machine' }) {
  const opened = { store: createMemoryStore(), cipher: noCipher };
  const place = { taskId: 'nightly', agent: 'opencode', runId: 'r', host, taskDirectory: '/t' };
  const claim = { ownerId: 'w', leaseMs: 60_000, ...(isLeft && { now: new Date(0) }) };
  const { id } = await createSessionDocument(opened.store, { ...place, ...claim });
  if (isEnded) await changeDocument(opened.store, sessionCollection, id, (now) => ({ ...now, state: 'ended' }));
  const source = { text: 'task: x', path: 't.yaml', directory: '/', origin: 'file' } as const;
  const run = { taskId: 'nightly', host: 'local', machine: 'one', outputDirectory: '/o', confine: undefined };
  await saveTaskRecord(opened, { ...source, ...run });
  return opened;
}

describe('refuseWhileAtWork', () => {
  it('refuses a task that somebody works on, wherever that is', async () => {
    const opened = await storeWith({});
    for (const task of [here, { ...here, host: 'ada@build-3' }, { ...here, machine: 'two' }]) {
      await expect(refuseWhileAtWork(opened, task)).rejects.toMatchObject({ code: 'TASK_AT_WORK' });
    }
  });

  it('refuses one that has lost its worker, on its own machine', async () => {
    const opened = await storeWith({ isLeft: true });
    await expect(refuseWhileAtWork(opened, here)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(/optio recover \w+ takes it up/),
    });
    await refuseWhileAtWork(opened, { ...here, machine: 'two' });
    await refuseWhileAtWork(opened, { ...here, host: 'ada@build-3' });
  });

  it('lets one begin whose record tells of a later run elsewhere: nobody can take up the one that was left', async () => {
    const there = { ...here, host: 'ada@build-3', hostName: 'build' };
    await refuseWhileAtWork(await storeWith({ isLeft: true, host: 'ada@build-3' }), there);
  });

  it('lets one begin again that has ended', async () => {
    await refuseWhileAtWork(await storeWith({ isEnded: true }), here);
  });
});
