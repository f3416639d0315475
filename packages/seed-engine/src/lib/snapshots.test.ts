import { describe, expect, it } from 'vitest';

import { bytesCipher } from './bytes-cipher.ts';
import { noCipher } from './cipher.ts';
import { createId } from './id.ts';
import { createMemoryStore } from './memory-store.ts';
import { openSnapshot } from './snapshot-capture.ts';
import {
  getSnapshot,
  listSnapshots,
  loadLatestSnapshot,
  readSnapshotBlob,
  snapshotCollection,
  type SnapshotEndState,
} from './snapshots.ts';
import type { Store } from './store.ts';
import { listAll, readAll, stream } from './testing/contract-case.ts';

const shift = (by: number) => (bytes: Uint8Array) => bytes.map((byte) => byte + by);
const cipher = bytesCipher({ encrypt: shift(1), decrypt: shift(-1) });
const everything = { olderThanMs: 0 };

function open(store: Store, more: Partial<Parameters<typeof openSnapshot>[0]> = {}) {
  return openSnapshot({
    store,
    cipher,
    agent: 'opencode',
    taskId: 'nightly-7',
    sessionId: 'ses_1',
    processId: 'ab'.repeat(12),
    ...more,
  });
}

async function capture(store: Store, endState: SnapshotEndState, more: Parameters<typeof open>[1] = {}) {
  const draft = open(store, more);
  await draft.write('session', stream('{"messages":[]}'));
  await draft.write('workdir', stream('tar'));
  return draft.commit({ endState });
}

const endStates = async (store: Store) =>
  (await listAll(listSnapshots(store, 'opencode', 'nightly-7'))).map(({ endState }) => endState);

describe('openSnapshot', () => {
  it('writes a document with the fields of the original, and ours beside them', async () => {
    const store = createMemoryStore();
    const { snapshot } = await capture(store, 'done', { agentVersion: '1.18.33' });
    const stored = await store.get(snapshotCollection('opencode'), snapshot.id);
    expect(stored).toEqual({
      id: snapshot.id,
      revision: 1,
      processId: 'nightly-7',
      capturedAt: expect.any(Date),
      endState: 'done',
      sessionId: 'ses_1',
      sessionBlobId: { blob: snapshot.session.id },
      workdirBlobId: { blob: snapshot.workdir.id },
      deliverablesEmitted: [],
      sessionCipher: 'bytes',
      sessionSizeBytes: 15,
      sessionSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      workdirCipher: 'bytes',
      workdirSizeBytes: 3,
      workdirSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      agentVersion: '1.18.33',
    });
  });

  it('takes one of two with the same id, and leaves nothing of the other', async () => {
    const store = createMemoryStore();
    const id = createId();
    const late = open(store, { id });
    await late.write('session', stream('late'));
    await late.write('workdir', stream('late'));
    const { snapshot } = await capture(store, 'done', { id });
    await expect(late.commit({ endState: 'failed' })).rejects.toMatchObject({ code: 'DOCUMENT_EXISTS' });
    expect(await getSnapshot(store, 'opencode', id)).toEqual(snapshot);
    // As a worker leaves it that is killed here.
    expect(await store.sweep(everything)).toMatchObject({ removedBlobs: 2 });
    expect((await readAll(readSnapshotBlob(store, cipher, snapshot, 'workdir'))).toString()).toBe('tar');
    expect(await getSnapshot(store, 'opencode', createId())).toBeUndefined();
  });

  it('gives every part back as it was', async () => {
    const store = createMemoryStore();
    const draft = open(store);
    await Promise.all([
      draft.write('login', stream('{"key":1}')),
      draft.write('workdir', stream('tar')),
      draft.write('session', stream('{}')),
    ]);
    await draft.commit({ endState: 'cancelled' });
    await store.sweep(everything);
    const latest = await loadLatestSnapshot(store, 'opencode', 'nightly-7');
    if (latest === undefined) throw new Error('no snapshot');
    for (const [part, text] of [
      ['login', '{"key":1}'],
      ['workdir', 'tar'],
      ['session', '{}'],
    ] as const) {
      expect(String(await readAll(readSnapshotBlob(store, cipher, latest, part)))).toBe(text);
    }
  });

  it('leaves the workdir readable for the original where that is asked for', async () => {
    const store = createMemoryStore();
    const { snapshot } = await capture(store, 'done', { workdirCipher: noCipher });
    expect(String(await readAll(store.readBlob(snapshot.workdir.id)))).toBe('tar');
    expect(String(await readAll(store.readBlob(snapshot.session.id)))).not.toBe('{}');
  });

  it('shows nothing before it is committed, and leaves nothing once it is discarded', async () => {
    const store = createMemoryStore();
    const draft = open(store);
    await draft.write('workdir', stream('tar'));
    expect(await endStates(store)).toEqual([]);
    await draft.discard();
    await draft.discard();
    expect(await store.sweep(everything)).toMatchObject({ removedBlobs: 0 });
  });

  it('lets a part that failed be written again', async () => {
    const store = createMemoryStore();
    const draft = open(store);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('the link was lost');
    }
    await expect(draft.write('workdir', broken())).rejects.toThrow('the link was lost');
    await draft.write('workdir', stream('tar'));
    await expect(draft.write('workdir', stream('tar'))).rejects.toThrow(TypeError);
    await expect(draft.commit({ endState: 'done' })).rejects.toThrow(TypeError);
    await draft.write('session', stream('{}'));
    await draft.commit({ endState: 'done' });
    await draft.discard();
    expect(await endStates(store)).toEqual(['done']);
  });

  it('is newer than the one before, whatever the clock says', async () => {
    const store = createMemoryStore();
    const first = await capture(store, 'done');
    const future = new Date(Date.now() + 86_400_000);
    const stored = await store.get(snapshotCollection('opencode'), first.snapshot.id);
    if (stored === undefined) throw new Error('no snapshot');
    await store.replace(snapshotCollection('opencode'), { ...stored, capturedAt: future });
    const { snapshot } = await capture(store, 'failed');
    expect(snapshot.capturedAt.getTime()).toBe(future.getTime() + 1);
    expect((await loadLatestSnapshot(store, 'opencode', 'nightly-7'))?.id).toBe(snapshot.id);
  });
});

describe('retention', () => {
  it('keeps the five newest, and removes the blobs of the others', async () => {
    const store = createMemoryStore();
    const captured = [];
    for (let index = 0; index < 7; index += 1) captured.push(await capture(store, 'done'));
    expect(await endStates(store)).toHaveLength(5);
    const [first, second] = captured;
    expect(captured.flatMap(({ pruned }) => pruned)).toEqual([first?.snapshot.id, second?.snapshot.id]);
    expect(await store.statBlob(first?.snapshot.workdir.id ?? '')).toBeUndefined();
    expect(await store.statBlob(captured[2]?.snapshot.session.id ?? '')).toBeDefined();
  });

  it('never removes the last good one for failed ones', async () => {
    const store = createMemoryStore();
    await capture(store, 'done');
    await capture(store, 'done');
    await capture(store, 'cancelled');
    for (let index = 0; index < 8; index += 1) await capture(store, 'failed');
    expect(await endStates(store)).toEqual([...Array.from({ length: 5 }, () => 'failed'), 'cancelled', 'done']);
  });

  it('neither counts nor removes what is in quarantine', async () => {
    const store = createMemoryStore();
    const first = await capture(store, 'done');
    const { snapshot } = await capture(store, 'done');
    const stored = await store.get(snapshotCollection('opencode'), snapshot.id);
    if (stored === undefined) throw new Error('no snapshot');
    const quarantine = { reason: 'no key opens it', at: new Date() };
    await store.replace(snapshotCollection('opencode'), { ...stored, quarantine });
    for (let index = 0; index < 3; index += 1) await capture(store, 'failed', { retention: 1 });
    const left = await listAll(listSnapshots(store, 'opencode', 'nightly-7'));
    expect(left.map(({ endState }) => endState)).toEqual(['failed', 'done', 'done']);
    expect(left.map(({ id }) => id).slice(1)).toEqual([snapshot.id, first.snapshot.id]);
    expect(left[1]?.quarantine).toEqual(quarantine);
  });

  it('leaves other tasks alone', async () => {
    const store = createMemoryStore();
    await capture(store, 'done', { taskId: 'other' });
    for (let index = 0; index < 3; index += 1) await capture(store, 'done', { retention: 1 });
    expect(await endStates(store)).toHaveLength(1);
    expect(await loadLatestSnapshot(store, 'opencode', 'other')).toBeDefined();
  });
});

describe('loadLatestSnapshot', () => {
  it('reads what the original wrote', async () => {
    const store = createMemoryStore();
    const collection = snapshotCollection('opencode');
    const id = createId();
    const write = (name: string, text: Uint8Array) =>
      store.writeBlob({ owner: { collection, id }, name, content: stream(text) });
    const session = await write('session', shift(1)(Buffer.from('{}')));
    const workdir = await write('workdir', Buffer.from('tar'));
    await store.insert(collection, {
      id,
      processId: 'nightly-7',
      capturedAt: new Date(),
      endState: 'failed',
      sessionId: 'ses_2',
      sessionBlobId: { blob: session.id },
      workdirBlobId: { blob: workdir.id },
      deliverablesEmitted: [],
    });
    const latest = await loadLatestSnapshot(store, 'opencode', 'nightly-7');
    if (latest === undefined) throw new Error('no snapshot');
    expect(String(await readAll(readSnapshotBlob(store, cipher, latest, 'session')))).toBe('{}');
    expect(String(await readAll(readSnapshotBlob(store, cipher, latest, 'workdir')))).toBe('tar');
    expect(() => readSnapshotBlob(store, cipher, latest, 'login')).toThrow(TypeError);
  });

  it('finds nothing where there is nothing', async () => {
    expect(await loadLatestSnapshot(createMemoryStore(), 'opencode', 'nightly-7')).toBeUndefined();
  });

  it('refuses a document that is no snapshot', async () => {
    const store = createMemoryStore();
    await store.insert(snapshotCollection('opencode'), { id: 'x', processId: 'nightly-7', capturedAt: new Date() });
    const loading = loadLatestSnapshot(store, 'opencode', 'nightly-7');
    await expect(loading).rejects.toMatchObject({ code: 'SNAPSHOT_MALFORMED' });
  });
});
