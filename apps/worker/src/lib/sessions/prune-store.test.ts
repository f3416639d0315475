import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import {
  changeDocument,
  createSessionDocument,
  getSessionDocument,
  noCipher,
  openSnapshot,
  sessionCollection,
  snapshotCollection,
  updateSessionDocument,
} from '@optio-ts/seed-engine';
import type { Collection, Store } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { beginAttempt, endQueuedTask, insertQueuedTask, queueCollection } from '../queue/queued-task.ts';
import { createJournal, journalCollection } from './journal.ts';
import { pruneStore } from './prune-store.ts';
import type { PruneStoreOptions } from './prune-store.ts';
import { loadTaskRecord, saveTaskRecord, taskCollection } from './task-record.ts';

const DAY_MS = 86_400_000;
const longAgo = new Date(Date.now() - 60 * DAY_MS);

let store: Store;
let logs: string;

beforeEach(async () => {
  store = createMemoryStore();
  logs = await mkdtemp(join(tmpdir(), 'optio-prune-'));
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(logs, { recursive: true, force: true });
});

/** A session of a task, with a journal and the record of its task. */
async function session(taskId: string, { isEnded = true, at = longAgo } = {}): Promise<string> {
  const place = { taskId, agent: 'opencode', runId: 'r', host: 'h', taskDirectory: '/t' };
  const document = await createSessionDocument(store, { ...place, ownerId: 'o', leaseMs: 1000, now: at });
  const journal = createJournal({ store, cipher: noCipher, onFailure: (message) => expect.fail(message) });
  journal.begin(document.id);
  journal.note('it goes');
  await journal.flush();
  const source = { text: 'task: x', path: 't.yaml', directory: '/', origin: 'file' } as const;
  const run = { taskId, host: 'local', machine: 'm', outputDirectory: '/o', confine: undefined };
  await saveTaskRecord({ store, cipher: noCipher }, { ...source, ...run });
  if (isEnded) await updateSessionDocument(store, document, { state: 'ended' });
  await changeDocument(store, sessionCollection, document.id, (current) => ({ ...current, updatedAt: at }));
  return document.id;
}

async function snapshot(taskId: string): Promise<string> {
  const ids = { sessionId: 'ses_1', processId: 'ab'.repeat(12) };
  const draft = openSnapshot({ store, cipher: noCipher, agent: 'opencode', taskId, ...ids });
  for (const part of ['session', 'workdir'] as const) await draft.write(part, [Buffer.from('x')] as never);
  const { snapshot: kept } = await draft.commit({ endState: 'done' });
  await changeDocument(store, snapshotCollection('opencode'), kept.id, (current) => ({
    ...current,
    capturedAt: longAgo,
  }));
  return kept.id;
}

async function queuedTask(taskId: string, { isEnded = true } = {}): Promise<void> {
  await insertQueuedTask({ store, cipher: noCipher }, taskId, {
    text: 'task: x',
    path: 't',
    directory: '/',
    origin: 'queue',
  });
  const attempt = await beginAttempt(store, taskId);
  if (!isEnded || attempt === undefined) return;
  await endQueuedTask(store, attempt, { state: 'done', exitCode: 0, endedAt: longAgo, worker: 'w' });
}

const prune = async (options: Partial<PruneStoreOptions>): Promise<string[]> => {
  const abortSignal = new AbortController().signal;
  const { removed } = await pruneStore({ store, logs, abortSignal, ...options });
  return removed.map(({ id, kind }) => `${kind} ${id}`);
};

async function count(collection: Collection): Promise<number> {
  let found = 0;
  for await (const _ of store.list(collection)) found += 1;
  return found;
}

describe('pruneStore', () => {
  it('removes old sessions with their journals, and what of their tasks nobody needs any more', async () => {
    const old = await session('a');
    const recent = await session('b', { at: new Date(Date.now() - DAY_MS) });
    const running = await session('c', { isEnded: false });
    await queuedTask('a');
    await writeFile(join(logs, 'a-20260101000000000.log'), '');
    await writeFile(join(logs, 'c-20260101000000000.log'), '');
    await writeFile(join(logs, 'b-20260101000000000.log'), '');
    await writeFile(join(logs, 'of-a-person.log'), '');
    for (const name of ['a', 'c']) await utimes(join(logs, `${name}-20260101000000000.log`), longAgo, longAgo);
    await utimes(join(logs, 'of-a-person.log'), longAgo, longAgo);

    const log = `log ${join(logs, 'a-20260101000000000.log')}`;
    const wanted = [`session ${old}`, 'queued-task a', 'task a', log];
    expect(await prune({ olderThanMs: 30 * DAY_MS, isDryRun: true })).toEqual(wanted);
    expect([await count(journalCollection), await count(queueCollection)]).toEqual([3, 1]);
    expect(await prune({ olderThanMs: 30 * DAY_MS })).toEqual(wanted);
    expect([await count(journalCollection), await count(queueCollection), await count(taskCollection)]).toEqual([
      2, 0, 2,
    ]);
    expect(await getSessionDocument(store, old)).toBeUndefined();
    for (const id of [recent, running]) expect(await getSessionDocument(store, id)).toBeDefined();
    expect(await readdir(logs)).toEqual(['b-20260101000000000.log', 'c-20260101000000000.log', 'of-a-person.log']);
    expect(await prune({ olderThanMs: 30 * DAY_MS })).toEqual([]);
  });

  it('is done by several processes at once, each of which ends well', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `a-${20260101000000000n + BigInt(index)}.log`);
    for (const name of names) {
      await writeFile(join(logs, name), '');
      await utimes(join(logs, name), longAgo, longAgo);
    }
    const both = await Promise.all([1, 2].map(async () => prune({ olderThanMs: 30 * DAY_MS })));
    expect(both.flat().toSorted()).toEqual(names.map((name) => `log ${join(logs, name)}`));
    expect(await readdir(logs)).toEqual([]);
  });

  it('keeps what a resume needs, unless snapshots are to go too', async () => {
    const id = await session('a');
    const kept = await snapshot('a');
    expect(await prune({ keep: 0 })).toEqual([]);
    expect(await loadTaskRecord({ store, cipher: noCipher }, 'a')).toBeDefined();
    expect(await prune({ keep: 1, snapshots: true })).toEqual([]);
    expect(await prune({ keep: 0, snapshots: true })).toEqual([`snapshot ${kept}`, `session ${id}`, 'task a']);
    expect(await count(snapshotCollection('opencode'))).toBe(0);
  });

  it('leaves all of a task that is in the queue again', async () => {
    await session('a');
    await snapshot('a');
    await queuedTask('a', { isEnded: false });
    expect(await prune({ keep: 0, snapshots: true })).toEqual([]);
  });

  it('gives the space back to the disk, unless it only looks', async () => {
    const path = join(logs, 'optio.db');
    store = createSqliteStore(path);
    const blob = await store.writeBlob({
      owner: { collection: taskCollection, id: 'old' },
      name: 'files',
      content: Readable.from([Buffer.alloc(4_000_000)]),
    });
    await session('old');
    await changeDocument(store, taskCollection, 'old', (current) => ({ ...current, base: { blob: blob.id } }));
    for (const [isDryRun, sizeBytes] of [
      [true, expect.toSatisfy((size: number) => size > 4_000_000)],
      [false, expect.toSatisfy((size: number) => size < 400_000)],
    ] as const) {
      await prune({ olderThanMs: 30 * DAY_MS, isDryRun });
      await store[Symbol.asyncDispose]();
      expect((await stat(path)).size).toEqual(sizeBytes);
      store = createSqliteStore(path);
    }
  });
});
