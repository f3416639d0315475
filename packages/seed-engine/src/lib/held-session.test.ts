import { once } from 'node:events';

import { beforeEach, describe, expect, it } from 'vitest';

import { SeedEngineError } from './errors.ts';
import { holdSession } from './held-session.ts';
import { createMemoryStore } from './memory-store.ts';
import type { SessionDocument } from './session-document.ts';
import {
  claimSession,
  createSessionDocument,
  getSessionDocument,
  removeSessionDocument,
  requestSessionCancel,
} from './session-store.ts';
import type { Store } from './store.ts';

let store: Store;
let session: SessionDocument;

beforeEach(async () => {
  store = createMemoryStore();
  session = await createSessionDocument(store, {
    taskId: 'nightly-7',
    agent: 'test',
    runId: 'ab'.repeat(12),
    host: 'build-3',
    taskDirectory: '/srv/tasks/nightly-7',
    ownerId: 'worker-1',
    leaseMs: 60_000,
  });
});

const longAgo = { ownerId: 'worker-2', leaseMs: 60_000, now: new Date(Date.now() + 3_600_000) };

/** The store, failing while `isDown` says so. */
function fragile(isDown: (what: 'get' | 'replace') => boolean): Store {
  const fail = (what: 'get' | 'replace'): void => {
    if (isDown(what)) throw new SeedEngineError('STORE_FAILED', 'the store is down');
  };
  return {
    ...store,
    get: async (...given) => {
      fail('get');
      return store.get(...given);
    },
    replace: async (...given) => {
      fail('replace');
      return store.replace(...given);
    },
  };
}

describe('holdSession', () => {
  it('renews the lease as long as it is held', async () => {
    const held = holdSession(store, session, { leaseMs: 40, watchMs: 1 });
    while (held.document.owner.leaseExpiresAt >= session.owner.leaseExpiresAt) await new Promise(setImmediate);
    const first = held.document.owner.leaseExpiresAt;
    while (held.document.owner.leaseExpiresAt <= first) await new Promise(setImmediate);
    await held.release();
  });

  it('tells of a cancel that another process asked for, once', async () => {
    const told: string[] = [];
    const asked = Promise.withResolvers<void>();
    const held = holdSession(store, session, {
      watchMs: 1,
      onCancelRequest: ({ reason }) => {
        told.push(reason);
        asked.resolve();
      },
    });
    await requestSessionCancel(store, session.id, { reason: 'too slow' });
    await asked.promise;
    await held.update({ state: 'ending' });
    expect(told).toEqual(['too slow']);
    await held.release();
  });

  it('tells of one that was asked for before', async () => {
    const asked = await requestSessionCancel(store, session.id, { reason: 'earlier' });
    const told = Promise.withResolvers<string>();
    const held = holdSession(store, asked, { onCancelRequest: ({ reason }) => told.resolve(reason) });
    expect(await told.promise).toBe('earlier');
    await held.release();
  });

  it('writes nothing more once another owner has taken the session', async () => {
    const held = holdSession(store, session, { watchMs: 1 });
    await claimSession(store, session.id, longAgo);
    await once(held.lost, 'abort');
    const lost = { code: 'SESSION_LEASE_LOST' };
    await expect(held.confirm()).rejects.toMatchObject(lost);
    await expect(held.update({ state: 'live' })).rejects.toMatchObject(lost);
    await expect(held.close({ state: 'done' })).rejects.toMatchObject(lost);
    expect((await getSessionDocument(store, session.id))?.state).toBe('starting');
  });

  it('finds out by the write itself', async () => {
    const held = holdSession(store, session, { watchMs: 60_000 });
    await claimSession(store, session.id, longAgo);
    await expect(held.update({ state: 'live' })).rejects.toMatchObject({ code: 'SESSION_LEASE_LOST' });
    expect(held.lost.aborted).toBe(true);
  });

  it('is lost with its document', async () => {
    const held = holdSession(store, session, { watchMs: 60_000 });
    await removeSessionDocument(store, session.id);
    await expect(held.confirm()).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    expect(held.lost.aborted).toBe(true);
  });

  it('writes again what a store refused for the moment', async () => {
    let failures = 2;
    const held = holdSession(
      fragile((what) => what === 'replace' && (failures -= 1) >= 0),
      session,
      { watchMs: 60_000 },
    );
    await held.update({ state: 'live' });
    expect((await getSessionDocument(store, session.id))?.state).toBe('live');
    await held.release();
  });

  it('confirms with a look where the store takes no writes, and not where it says nothing', async () => {
    let isDown = false;
    const down = fragile((what) => what === 'replace' || isDown);
    const held = holdSession(down, session, { watchMs: 60_000, leaseMs: 300 });
    await held.confirm();
    isDown = true;
    await expect(held.confirm()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(held.lost.aborted).toBe(false);
    await held.release();
  });

  it('forgets the secrets with the end, and gives a session away when asked to', async () => {
    const held = holdSession(store, session);
    await held.update({ secrets: { password: { cipher: 'none', sealed: Buffer.from('x') } } });
    const ended = await held.close({ state: 'done', message: 'written' });
    expect(ended).toMatchObject({ state: 'ended', outcome: { state: 'done', message: 'written' } });
    expect(ended.secrets).toBeUndefined();

    const other = await createSessionDocument(store, {
      ...session,
      ownerId: 'worker-1',
      leaseMs: 60_000,
      id: 'ef'.repeat(12),
    });
    await holdSession(store, other).release({ give: true });
    expect((await claimSession(store, other.id, { ownerId: 'worker-2', leaseMs: 1000 })).owner.fencing).toBe(2);
  });
});
