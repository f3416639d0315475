import { describe, expect, it } from 'vitest';

import { createBoard } from './board.ts';
import { newSessionView, withLine } from './session-view.ts';
import { watchMessages } from './watch-messages.ts';

const view = (id: string) => newSessionView({ id, taskId: id, host: 'local', outputDirectory: '/out', at: 1 });
const said = (text: string) => ({ at: 1, kind: 'agent', text }) as const;

describe('watchMessages', () => {
  it('tells everything at first, then what changed, each line once, and ends', async () => {
    const board = createBoard();
    board.set(withLine(view('a'), said('one')));
    board.set(view('b'));
    const abort = new AbortController();
    const messages = watchMessages({
      board,
      sessionId: 'a',
      collectMs: 1,
      beatMs: 60_000,
      abortSignal: abort.signal,
    });
    const next = async () => (await messages.next()).value;
    expect(await next()).toMatchObject({ type: 'sessions', isWhole: true, sessions: [{ id: 'a' }, { id: 'b' }] });
    expect(await next()).toMatchObject({ type: 'session', isWhole: true, lines: [{ number: 0, text: 'one' }] });
    // While the reader is slow.
    board.change('a', (old) => withLine(old, said('two')));
    board.change('a', (old) => withLine(old, said('three')));
    expect(await next()).toMatchObject({ type: 'sessions', isWhole: false, sessions: [{ id: 'a' }] });
    expect(await next()).toMatchObject({
      type: 'session',
      isWhole: false,
      lines: [{ text: 'two' }, { text: 'three' }],
    });
    const pending = next();
    board.set(view('c'));
    expect(await pending).toMatchObject({ type: 'sessions', isWhole: false, sessions: [{ id: 'c' }] });
    const last = messages.next();
    abort.abort();
    expect((await last).done).toBe(true);
  });

  it('says once that a session is not known, and shows it when it is', async () => {
    const board = createBoard();
    const abort = new AbortController();
    const messages = watchMessages({ board, sessionId: 'x', collectMs: 1, beatMs: 1, abortSignal: abort.signal });
    const types: (string | undefined)[] = [];
    for await (const message of messages) {
      types.push(message.type);
      if (message.type === 'beat' && types.length === 3) board.set(view('x'));
      if (message.type === 'session') abort.abort();
    }
    expect(types.filter((type) => type !== 'beat')).toEqual(['sessions', 'unknown-session', 'sessions', 'session']);
  });
});
