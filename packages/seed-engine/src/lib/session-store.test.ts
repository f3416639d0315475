import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, it } from 'vitest';

import { ageCipher } from './age-cipher.ts';
import { noCipher } from './cipher.ts';
import { createMemoryStore } from './memory-store.ts';
import { sessionCollection } from './session-document.ts';
import {
  claimSession,
  createSessionDocument,
  getSessionDocument,
  listSessionDocuments,
  openSecret,
  removeSessionDocument,
  renewSessionLease,
  requestSessionCancel,
  sealSecret,
  updateSessionDocument,
  type CreateSessionDocumentOptions,
} from './session-store.ts';
import { listAll } from './testing/contract-case.ts';

const start = new Date('2026-05-06T07:08:09Z');
const later = new Date(start.getTime() + 61_000);
const options: CreateSessionDocumentOptions = {
  taskId: 'nightly-7',
  agent: 'opencode',
  runId: 'ab'.repeat(12),
  host: 'build-3',
  taskDirectory: '/srv/tasks/nightly-7',
  ownerId: 'worker-1',
  leaseMs: 60_000,
  now: start,
};

describe('createSessionDocument', () => {
  it('writes all of a session, owned by its maker', async () => {
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    expect(session).toMatchObject({
      revision: 1,
      taskId: 'nightly-7',
      processId: session.id,
      state: 'starting',
      createdAt: start,
      owner: { id: 'worker-1', fencing: 1, leaseExpiresAt: new Date(start.getTime() + 60_000) },
      log: { generation: 0, offset: 0 },
    });
    expect(session.id).toMatch(/^[0-9a-f]{24}$/);
    expect(await getSessionDocument(store, session.id)).toEqual(session);
  });

  it('keeps the process id of a task that goes on', async () => {
    const processId = 'cd'.repeat(12);
    const session = await createSessionDocument(createMemoryStore(), { ...options, processId });
    expect(session.processId).toBe(processId);
  });
});

describe('updateSessionDocument', () => {
  it('changes what is given and nothing else', async () => {
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    const outcome = { state: 'done', reason: 'agent-done', message: 'written' };
    const secrets = { password: await sealSecret(noCipher, 'x') };
    const details = { opencodeSessionId: 'ses_1', nested: { list: [1, true] } };
    const changed = await updateSessionDocument(store, session, { state: 'live', outcome, secrets, details });
    expect(changed).toEqual({
      ...session,
      revision: 2,
      state: 'live',
      outcome,
      secrets,
      details,
      updatedAt: expect.any(Date),
    });
    const cleared = await updateSessionDocument(store, changed, { secrets: undefined });
    expect(cleared.secrets).toBeUndefined();
    expect(cleared.details).toEqual(details);
  });

  it('applies a change again to what somebody else has written meanwhile', async () => {
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    await requestSessionCancel(store, session.id, { reason: 'too slow', now: later });
    const changed = await updateSessionDocument(store, session, ({ requestedCancel, log }) => {
      expect(requestedCancel?.reason).toBe('too slow');
      return { log: { generation: log.generation, offset: log.offset + 10, fingerprint: 'all-1' } };
    });
    expect(changed).toMatchObject({
      log: { offset: 10, fingerprint: 'all-1' },
      requestedCancel: { reason: 'too slow', at: later },
    });
  });

  it('loses no change of many at once', async () => {
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    const change = () =>
      updateSessionDocument(store, session, ({ log }) => ({ log: { ...log, offset: log.offset + 1 } }));
    await Promise.all(Array.from({ length: 40 }, change));
    expect((await getSessionDocument(store, session.id))?.log.offset).toBe(40);
  });

  it('refuses an owner that lost the session', async () => {
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    const taken = await claimSession(store, session.id, { ownerId: 'worker-2', leaseMs: 1000, now: later });
    const lost = { code: 'SESSION_LEASE_LOST' };
    await expect(updateSessionDocument(store, session, { state: 'live' })).rejects.toMatchObject(lost);
    await expect(renewSessionLease(store, session, { leaseMs: 1000 })).rejects.toMatchObject(lost);
    await updateSessionDocument(store, taken, { state: 'live' });
    expect((await getSessionDocument(store, session.id))?.state).toBe('live');
  });

  it('says when there is no such session', async () => {
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    await removeSessionDocument(store, session.id);
    const missing = { code: 'SESSION_NOT_FOUND' };
    await expect(updateSessionDocument(store, session, {})).rejects.toMatchObject(missing);
    await expect(requestSessionCancel(store, 'nonsense', { reason: 'x' })).rejects.toMatchObject(missing);
  });
});

describe('claimSession', () => {
  it('waits for the end of the lease, and counts the owners', async () => {
    const store = createMemoryStore();
    const { id } = await createSessionDocument(store, options);
    const claim = { ownerId: 'worker-2', leaseMs: 60_000 };
    const early = claimSession(store, id, { ...claim, now: start });
    await expect(early).rejects.toMatchObject({ code: 'SESSION_OWNED' });
    const taken = await claimSession(store, id, { ...claim, now: later });
    expect(taken.owner).toEqual({
      id: 'worker-2',
      fencing: 2,
      leaseExpiresAt: new Date(later.getTime() + 60_000),
    });
  });

  it('lets exactly one of several have a session', async () => {
    const store = createMemoryStore();
    const { id } = await createSessionDocument(store, options);
    const claims = ['a', 'b', 'c'].map((ownerId) => claimSession(store, id, { ownerId, leaseMs: 60_000, now: later }));
    const results = await Promise.allSettled(claims);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('keeps a session that is renewed', async () => {
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    await renewSessionLease(store, session, { leaseMs: 60_000, now: later });
    const claim = claimSession(store, session.id, { ownerId: 'worker-2', leaseMs: 1, now: later });
    await expect(claim).rejects.toMatchObject({ code: 'SESSION_OWNED' });
  });
});

describe('requestSessionCancel', () => {
  it('keeps the first wish, and wants nothing of a session that is over', async () => {
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    await requestSessionCancel(store, session.id, { reason: 'first', now: later });
    const second = await requestSessionCancel(store, session.id, { reason: 'second', now: later });
    expect(second.requestedCancel?.reason).toBe('first');
    const over = await createSessionDocument(store, options);
    await updateSessionDocument(store, over, { state: 'ended' });
    expect((await requestSessionCancel(store, over.id, { reason: 'x' })).requestedCancel).toBeUndefined();
  });
});

describe('listSessionDocuments', () => {
  it('lists the newest first, by state and task', async () => {
    const store = createMemoryStore();
    const first = await createSessionDocument(store, options);
    const second = await createSessionDocument(store, { ...options, now: later });
    const third = await createSessionDocument(store, { ...options, taskId: 'other', now: later });
    await updateSessionDocument(store, first, { state: 'live' });
    const ids = async (where: Parameters<typeof listSessionDocuments>[1]) =>
      (await listAll(listSessionDocuments(store, where))).map(({ id }) => id);
    expect(await ids({})).toEqual([third.id, second.id, first.id]);
    expect(await ids({ taskId: 'nightly-7' })).toEqual([second.id, first.id]);
    expect(await ids({ state: 'live' })).toEqual([first.id]);
    expect(await ids({ limit: 1 })).toEqual([third.id]);
  });

  it('refuses a document that is no session', async () => {
    const store = createMemoryStore();
    await store.insert(sessionCollection, { id: 'x', taskId: 7 });
    await expect(getSessionDocument(store, 'x')).rejects.toMatchObject({ code: 'DOCUMENT_UNREADABLE' });
  });
});

describe('openSecret', () => {
  it('opens what sealSecret sealed, and nothing readable is stored', async () => {
    const identity = await generateX25519Identity();
    const cipher = ageCipher({ recipients: [await identityToRecipient(identity)], identities: [identity] });
    const store = createMemoryStore();
    const session = await createSessionDocument(store, options);
    const secrets = { password: await sealSecret(cipher, 'hunter2-ü') };
    await updateSessionDocument(store, session, { secrets });
    const stored = await store.get(sessionCollection, session.id);
    expect(JSON.stringify(stored)).not.toContain('hunter2');
    const read = await getSessionDocument(store, session.id);
    if (read === undefined) throw new Error('the session is gone');
    expect(await openSecret(cipher, read, 'password')).toBe('hunter2-ü');
    expect(await openSecret(cipher, read, 'other')).toBeUndefined();
    await expect(openSecret(noCipher, read, 'password')).rejects.toMatchObject({ code: 'DECRYPT_FAILED' });
  });
});
