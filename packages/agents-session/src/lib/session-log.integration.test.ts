import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { afterAll, describe, expect, it } from 'vitest';

import { createFragileHost } from '../../test/fragile-host.ts';
import { firstOf, typesOf } from '../../test/read-events.ts';
import { createScriptedBench } from '../../test/scripted-agent.ts';
import type { AgentEvent, LogPosition } from './events.ts';
import { runAgentSession } from './run-agent-session.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

describe('the log', () => {
  const statuses = async (events: AsyncIterable<AgentEvent>): Promise<string[]> => {
    const seen: string[] = [];
    for await (const event of events) if (event.type === 'status') seen.push(event.message);
    return seen;
  };

  it('survives being truncated in the middle', async () => {
    const { session, signal } = await bench.start(
      `say 'STATUS: one'; await_file go; : >optio.log; say 'STATUS: two'; say DONE; stay`,
    );
    await firstOf(session.events, 'status');
    signal('go');
    expect(await statuses(session.events)).toEqual(['one', 'two']);
    expect((await session.result).state).toBe('done');
  });

  it('survives being replaced by another file', async () => {
    const { session, signal } = await bench.start(
      `say 'STATUS: one'; await_file go; echo 'STATUS: two' >new; mv new optio.log; say DONE; stay`,
    );
    await firstOf(session.events, 'status');
    signal('go');
    expect(await statuses(session.events)).toEqual(['one', 'two']);
  });

  it('hears nothing twice when a tool writes the whole file anew', async () => {
    const { session, signal } = await bench.start(
      `say 'STATUS: one'; await_file go; { cat optio.log; echo 'STATUS: two'; } >new; mv new optio.log; say DONE; stay`,
    );
    await firstOf(session.events, 'status');
    signal('go');
    expect(await statuses(session.events)).toEqual(['one', 'two']);
  });

  it('puts together a line that comes in halves, and survives bytes that are no text', async () => {
    const { session } = await bench.start(
      `printf 'STAT' >>optio.log; sleep 0.2; printf 'US: whole\\nSTATUS: \\377\\000x\\nDONE\\n' >>optio.log; stay`,
    );
    expect(await statuses(session.events)).toEqual(['whole', '\ufffdx']);
  });

  it('starts with an empty one, and keeps what an earlier run left', async () => {
    const workspace = await bench.openWorkspace();
    writeFileSync(join(workspace.workdir, 'optio.log'), 'STATUS: old\nDONE\n');
    const session = runAgentSession({
      host: bench.host,
      workspace,
      protocol: createLogProtocol(),
      sessionId: 'again',
      resumeLogLine: '2026-03-02T17:05:12Z',
      launch: async () => {
        const agent = await bench.launch(workspace, `say 'STATUS: new'; say DONE; stay`);
        return { exited: agent.exited, stop: async () => agent.stop() };
      },
    });
    expect(await statuses(session.events)).toEqual(['new']);
    expect(readFileSync(join(workspace.workdir, 'optio.log.old'), 'utf8')).toBe('STATUS: old\nDONE\n');
    expect(readFileSync(join(workspace.workdir, 'resume.log'), 'utf8')).toBe('2026-03-02T17:05:12Z\n');
  });

  it('is taken up again from a saved position, with the same ids, up to and including DONE', async () => {
    const saved: number[] = [];
    const workspace = await bench.openWorkspace();
    const common = { host: bench.host, workspace, protocol: createLogProtocol(), sessionId: 'adopted' };
    const agent = await bench.launch(
      workspace,
      `await_file go; for n in 1 2 3 4; do say "STATUS: $n"; done; say DONE; stay`,
    );
    const launch = () => {
      // Not before: an agent that writes while the workdir is prepared loses what it wrote.
      writeFileSync(join(workspace.workdir, 'go'), '');
      return Promise.resolve({ exited: agent.exited, stop: () => Promise.resolve() });
    };
    const first = runAgentSession({ ...common, launch, onOffset: ({ offset }) => void saved.push(offset) });
    const all = await Array.fromAsync(first.events);
    expect(typesOf(all)).toEqual(['status', 'status', 'status', 'status', 'done', 'ended']);
    // DONE is at 40: whoever starts again there must hear it again.
    expect(saved.at(-1)).toBe(40);

    let hasRun = false;
    const hooks = {
      beforeExecute: () => {
        hasRun = true;
      },
    };
    const second = runAgentSession({
      ...common,
      hooks,
      log: { generation: 0, offset: 20 },
      launch: async () => ({ ...(await launch()), stop: async () => agent.stop() }),
    });
    const rest = await Array.fromAsync(second.events);
    expect(rest.slice(0, 3).map(({ id, type }) => `${id} ${type}`)).toEqual(
      all.slice(2, 5).map(({ id, type }) => `${id} ${type}`),
    );
    expect((await second.result).state).toBe('done');
    expect(hasRun).toBe(false);
  });

  it('holds the saved position back for what a listener has not handled', async () => {
    const saved: number[] = [];
    const { session, signal } = await bench.start(`say 'STATUS: 1'; say 'STATUS: 2'; await_file go; say DONE; stay`, {
      onOffset: ({ offset }) => void saved.push(offset),
    });
    const slow = session.events[Symbol.asyncIterator]();
    await slow.next();
    let seen = 0;
    for await (const event of session.events) {
      if (event.type === 'status') seen += 1;
      if (seen === 2) break;
    }
    expect(saved).toEqual([]);
    await slow.next();
    while (saved.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(saved).toEqual([10]);
    await slow.return?.();
    signal('go');
    await session.result;
    expect(saved.at(-1)).toBe(20);
  });

  it('goes on with a warning when the position cannot be saved', async () => {
    const { session } = await bench.start(`say 'STATUS: 1'; say DONE; stay`, {
      onOffset: () => Promise.reject(new Error('no store')),
    });
    const warning = await firstOf(session.events, 'warning');
    expect(warning).toMatchObject({ code: 'OFFSET_NOT_SAVED' });
    expect((await session.result).state).toBe('done');
  });
});

describe('a log that is replaced', () => {
  it('while the link is lost: nothing lost or doubled, and a warning of what nobody can know', async () => {
    const { host, followers } = createFragileHost(bench.host);
    const script = `say 'STATUS: one'; say 'STATUS: two'; await_file go; say DONE; stay`;
    const { session, signal, path } = await bench.start(script, { host });
    const seen: string[] = [];
    for await (const event of session.events) {
      if (event.type === 'warning') seen.push(event.code);
      if (event.type !== 'status') continue;
      seen.push(`${event.id.replace(/^s\d+/, 'id')} ${event.message}`);
      if (event.message === 'three') signal('go');
      if (event.message !== 'two') continue;
      await followers.at(-1)?.kill({ graceMs: 0 });
      // Longer than what was read, and with a line that was heard.
      writeFileSync(path('new'), 'STATUS: one\nSTATUS: three\n');
      renameSync(path('new'), path('optio.log'));
    }
    expect(seen).toEqual(['id:0:0 one', 'id:0:12 two', 'LOG_INTERRUPTED', 'LOG_REPLACED', 'id:1:12 three']);
  });

  it('while no worker reads it: it is read from its start', async () => {
    const saved: LogPosition[] = [];
    const workspace = await bench.openWorkspace();
    const common = { host: bench.host, workspace, protocol: createLogProtocol(), sessionId: 'adopted' };
    const first = runAgentSession({
      ...common,
      onOffset: (position) => void saved.push(position),
      launch: async () => {
        const agent = await bench.launch(workspace, `say 'STATUS: 1'; say 'STATUS: 2'; say DONE; stay`);
        return { exited: agent.exited, stop: async () => agent.stop() };
      },
    });
    await first.result;
    writeFileSync(join(workspace.workdir, 'optio.log'), 'STATUS: 3\nSTATUS: 4\nSTATUS: 5\nDONE\n');
    const second = runAgentSession({
      ...common,
      log: saved.at(-1) ?? { generation: 9, offset: 9 },
      launch: () => Promise.resolve({ exited: new Promise(() => undefined), stop: () => Promise.resolve() }),
    });
    const events = await Array.fromAsync(second.events);
    expect(events.map((event) => ('code' in event ? event.code : event.id))).toEqual([
      'LOG_REPLACED',
      'adopted:1:0',
      'adopted:1:10',
      'adopted:1:20',
      'adopted:1:30',
      'adopted:w0:1',
    ]);
  });
});
