import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';
import { createSessionDocument, noCipher, updateSessionDocument } from '@optio-ts/seed-engine';
import type { SessionDocument, Store } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { beforeEach, describe, expect, it } from 'vitest';

import { createJournal } from '../sessions/journal.ts';
import { saveTaskRecord } from '../sessions/task-record.ts';
import type { TaskRecord } from '../sessions/task-record.ts';
import { createBoard } from './board.ts';
import type { Board } from './board.ts';
import { followStore } from './follow-store.ts';
import type { StoreFollower } from './follow-store.ts';
import { newSessionView } from './session-view.ts';

let store: Store;
let board: Board;
let follower: StoreFollower;
let failures: string[];
let now: Date;

beforeEach(() => {
  store = createMemoryStore();
  board = createBoard();
  failures = [];
  now = new Date();
  follower = followStore({
    opened: { store, cipher: noCipher },
    board,
    machine: 'runner-7',
    everyMs: 1,
    closelyMs: 1,
    onFailure: (message) => failures.push(message),
    now: () => now,
  });
});

async function session(taskId = 'nightly'): Promise<SessionDocument> {
  const place = { agent: 'opencode', runId: 'r', host: 'ada@build-3', taskDirectory: '/tasks/nightly' };
  return createSessionDocument(store, { taskId, ...place, ownerId: 'another', leaseMs: 60_000 });
}

async function keepRecord(more: Partial<TaskRecord> = {}): Promise<void> {
  const source = { text: 'task: x', path: 'task.yaml', directory: '/', origin: 'file' } as const;
  const place = { host: 'local', machine: 'runner-7', outputDirectory: '/out' };
  await saveTaskRecord(
    { store, cipher: noCipher },
    { ...source, ...place, taskId: 'nightly', confine: undefined, ...more },
  );
}

type Body = OpencodeSessionEvent extends infer Event
  ? Event extends OpencodeSessionEvent
    ? Omit<Event, 'id' | 'sessionId' | 'at'>
    : never
  : never;

/** What the process of a session writes down. */
async function report(id: string, bodies: readonly Body[], note?: string): Promise<void> {
  const journal = createJournal({ store, cipher: noCipher, onFailure: (message) => failures.push(message) });
  journal.begin(id);
  for (const body of bodies) {
    const event = { id: 'e', sessionId: id, at: new Date(5), ...body } as OpencodeSessionEvent;
    journal.event(event, body.type === 'deliverable' ? body.path : undefined);
  }
  if (note !== undefined) journal.note(note);
  await journal.flush();
}

const delivered = (name: string, savedTo: string): Body => ({
  type: 'deliverable',
  path: savedTo,
  name,
  sizeBytes: 1,
  content: async function* () {},
});
const permission: Body = { type: 'permission-asked', requestId: 'p', permission: 'bash', patterns: ['ls'] };
const detailOf = (id: string) => board.get(id)?.detail;

describe('followStore', () => {
  it('shows where sessions of other processes are, and whether anybody is with them', async () => {
    const document = await session();
    const { id } = document;
    await follower.look();
    expect(detailOf(id)).toMatchObject({ taskId: 'nightly', host: 'ada@build-3', state: 'starting', isLeft: false });
    await updateSessionDocument(store, document, { state: 'live' });
    await follower.look();
    expect(detailOf(id)).toMatchObject({ state: 'live', hasInterface: true, isHere: false });
    now = new Date(Date.now() + 3_600_000);
    await follower.look();
    expect(detailOf(id)).toMatchObject({ state: 'live', isLeft: true });
    await updateSessionDocument(store, document, {
      state: 'ended',
      outcome: { state: 'lost', message: 'its \u001B[31mhost' },
    });
    await follower.look();
    expect(detailOf(id)).toMatchObject({
      state: 'ended',
      isLeft: false,
      hasInterface: false,
      outcome: { state: 'lost' },
    });
    expect(detailOf(id)?.outcome?.message).not.toContain('\u001B');
  });

  it('reads what was written down of one that runs, each thing once, and who is called for', async () => {
    await keepRecord();
    const { id } = await session();
    await report(id, [{ type: 'log', text: 'one' }, permission, { type: 'attention', reason: 'asks' }], 'a note');
    await follower.look();
    await follower.look();
    await Promise.all([follower.read(id), follower.read(id)]);
    const lines = (): readonly string[] => board.get(id)?.lines.map(({ text }) => text) ?? [];
    expect(lines()).toEqual(['one', 'attention: asks', 'a note']);
    expect(detailOf(id)).toMatchObject({ requestCount: 1, attention: 'asks', state: 'starting' });
    await report(id, [
      { type: 'log', text: 'two' },
      { type: 'request-settled', requestId: 'p' },
    ]);
    await follower.read(id);
    expect(lines().at(-1)).toBe('two');
    expect(detailOf(id)).toMatchObject({ requestCount: 0, attention: undefined });
  });

  it('opens of what was delivered only what lies here, where the task delivers to', async () => {
    await keepRecord();
    const here = await session();
    await report(here.id, [delivered('report.md', '/out/report.md'), delivered('passwd', '/etc/passwd')]);
    await follower.look();
    expect(detailOf(here.id)?.deliverables).toMatchObject([{ name: 'report.md', savedOn: undefined }]);
    expect(board.get(here.id)?.paths).toEqual(['/out/report.md']);

    await keepRecord({ taskId: 'far', machine: 'build-3' });
    const far = await session('far');
    await report(far.id, [delivered('report.md', '/out/report.md')]);
    await follower.look();
    expect(detailOf(far.id)?.deliverables).toMatchObject([{ name: 'report.md', savedOn: 'build-3' }]);
    expect(board.get(far.id)?.paths).toEqual([undefined]);
  });

  it('says of one that has ended whether it can be resumed, and why not', async () => {
    const document = await session();
    await updateSessionDocument(store, document, { state: 'ended', outcome: { state: 'failed' } });
    await follower.look();
    await report(document.id, [{ type: 'log', text: 'before' }]);
    // Of one that is over nothing is read before somebody looks.
    expect(board.get(document.id)?.lines).toEqual([]);
    await follower.read(document.id);
    expect(board.get(document.id)?.lines).toHaveLength(1);
    expect(detailOf(document.id)).toMatchObject({ state: 'ended', canResume: false });
    expect(detailOf(document.id)?.resumeProblem).toMatch(/no snapshot of task nightly/);
  });

  it('leaves those of this process to themselves', async () => {
    const { id, taskId } = await session();
    board.set(newSessionView({ id, taskId, host: 'local', outputDirectory: '/out', at: 1 }));
    const before = board.get(id);
    await report(id, [{ type: 'log', text: 'known already' }]);
    await follower.look();
    await follower.read(id);
    expect(board.get(id)).toBe(before);
  });

  it('looks while somebody watches, and says once that the store cannot be read', async () => {
    const attention = follower.attend();
    const { id } = await session();
    await new Promise<void>((resolve) => {
      board.watch((changed) => void (changed === id && resolve()));
    });
    attention[Symbol.dispose]();
    const broken = followStore({
      opened: {
        store: {
          ...store,
          list: () => {
            throw new Error('gone');
          },
        },
        cipher: noCipher,
      },
      board,
      machine: 'runner-7',
      everyMs: 1,
      closelyMs: 1,
      onFailure: (message) => failures.push(message),
    });
    await broken.look();
    await broken.look();
    expect(failures).toEqual([expect.stringMatching(/cannot be read: gone/)]);
  });
});
