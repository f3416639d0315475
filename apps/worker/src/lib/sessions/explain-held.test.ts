import { HostError, TaskDirectoryInUseError } from '@optio-ts/host-core';
import { changeDocument, createSessionDocument, sessionCollection } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { describe, expect, it } from 'vitest';

import { explainHeld } from './explain-held.ts';

const task = { taskId: 'nightly', hostName: 'build-3' };
const held = new TaskDirectoryInUseError('run r holds it', 'r');

async function storeWith(claim: { readonly leaseMs: number; readonly now?: Date }, state?: 'ended') {
  const store = createMemoryStore();
  const place = { taskId: 'nightly', agent: 'opencode', runId: 'r', host: 'h', taskDirectory: '/tasks/nightly' };
  const { id } = await createSessionDocument(store, { ...place, ownerId: 'w', ...claim });
  if (state !== undefined) await changeDocument(store, sessionCollection, id, (current) => ({ ...current, state }));
  return { store, id };
}

describe('explainHeld', () => {
  it('names the session and the command that ends it', async () => {
    const { id, store } = await storeWith({ leaseMs: 60_000 });
    expect(await explainHeld(held, store, task)).toBe(
      `its directory is held by session ${id}: optio cancel ${id} --wait ends it`,
    );
  });

  it('names the one that takes it up, where its worker is gone', async () => {
    const { id, store } = await storeWith({ leaseMs: 1, now: new Date(0) });
    expect(await explainHeld(held, store, task)).toMatch(`optio recover ${id} takes it up`);
  });

  it('names the one that removes what an ended session has kept', async () => {
    const { store } = await storeWith({ leaseMs: 60_000 }, 'ended');
    expect(await explainHeld(held, store, task)).toMatch(
      /kept \/tasks\/nightly: .*optio host clean build-3 --kept --remove/,
    );
  });

  it('says so where the store knows nothing of it', async () => {
    expect(await explainHeld(held, createMemoryStore(), task)).toMatch(
      /knows nothing of \(r\).*host clean build-3 shows/,
    );
  });

  it('says nothing of what went wrong otherwise', async () => {
    expect(await explainHeld(new HostError('TIMEOUT', ''), createMemoryStore(), task)).toBeUndefined();
  });
});
