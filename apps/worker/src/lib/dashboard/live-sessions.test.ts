import { createSessionDocument, noCipher, updateSessionDocument } from '@optio-ts/seed-engine';
import type { SessionDocument, Store } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { beforeEach, describe, expect, it } from 'vitest';

import { emptyConfig } from '../config/worker-config.ts';
import { WorkerError } from '../errors.ts';
import { TaskFileError } from '../task-file-problem.ts';
import { createBoard } from './board.ts';
import type { Board } from './board.ts';
import { createLiveSessions } from './live-sessions.ts';
import type { LiveSessions } from './live-sessions.ts';

const UNKNOWN = '000000000000000000000000';

let store: Store;
let board: Board;
let live: LiveSessions;

beforeEach(() => {
  store = createMemoryStore();
  board = createBoard();
  live = createLiveSessions({
    board,
    opened: { store, cipher: noCipher, isNew: false, [Symbol.asyncDispose]: async () => undefined },
    context: {
      cwd: '/nowhere',
      home: '/nowhere',
      env: {},
      config: emptyConfig('/nowhere/config.yaml'),
      places: { store: '/nowhere/optio.db', identity: '/nowhere/identity.txt', logs: '/nowhere' },
      outputRoot: '/nowhere/optio-out',
      interrupts: {
        abortSignal: new AbortController().signal,
        first: undefined,
        forced: new Promise(() => undefined),
        [Symbol.dispose]: () => undefined,
      },
    },
  });
});

async function otherSession(): Promise<SessionDocument> {
  const place = { taskId: 'nightly', runId: 'r', host: 'this machine', taskDirectory: '/tasks/nightly' };
  return createSessionDocument(store, { ...place, agent: 'opencode', ownerId: 'b', leaseMs: 60_000 });
}

const codeOf = (action: Promise<unknown>): Promise<unknown> =>
  action.then(
    () => 'done',
    (error: unknown) => (WorkerError.is(error) ? error.code : error),
  );

describe('createLiveSessions', () => {
  it('starts nothing out of a task with mistakes, and tells all of them', async () => {
    const error = await live.start({ text: 'tsak: x\nhost: 5' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskFileError);
    expect((error as Error).message).toMatch(/tsak[^]*host/);
    expect(board.list()).toEqual([]);
    await live.ended();
  });

  it('has nothing to do with sessions that are none of its own', async () => {
    const { id } = await otherSession();
    expect(live.has(id)).toBe(false);
    expect(() => live.cancel(id, { atOnce: false })).toThrow(/no session .* runs in this process/);
    expect(() => live.attend(id, 'begin')).toThrow(WorkerError);
    expect(() => live.reach(id)).toThrow(WorkerError);
    expect(await codeOf(live.answer(id, 'p', { type: 'permission', reply: 'once' }))).toBe('NOT_FOUND');
  });

  it('goes on with what has ended, where something was kept of it', async () => {
    expect(await codeOf(live.resume(UNKNOWN))).toBe('NOT_FOUND');
    const document = await otherSession();
    const { id } = document;
    expect(await codeOf(live.resume(id))).toBe('REFUSED');
    await updateSessionDocument(store, document, { state: 'ended', outcome: { state: 'failed' } });
    await expect(live.resume(id)).rejects.toThrow(/no snapshot of task nightly/);
  });

  it('takes up nothing that is unknown', async () => {
    expect(await codeOf(live.recover(UNKNOWN))).toBe('NOT_FOUND');
    expect(board.list()).toEqual([]);
    await live.ended();
  });
});
