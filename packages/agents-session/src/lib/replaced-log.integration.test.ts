import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { afterAll, describe, expect, it } from 'vitest';

import { createFragileHost } from '../../test/fragile-host.ts';
import { createScriptedBench } from '../../test/scripted-agent.ts';
import type { LogPosition } from './events.ts';
import { runAgentSession } from './run-agent-session.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

describe('a log that is replaced', () => {
  it('while the link is lost: nothing lost or doubled, and a warning of what nobody can know', async () => {
    const { host, followers } = createFragileHost(bench.host);
    const script = `say 'STATUS: one'; say 'STATUS: two'; await_file go; say DONE; stay`;
    const { session, signal, path } = await bench.start(script, { host });
    const seen: string[] = [];
    for await (const event of session.events) {
      if (event.type === 'warning') seen.push(event.code);
      if (event.type !== 'status') continue;
      seen.push(`${event.id} ${event.message}`);
      if (event.message === 'three') signal('go');
      if (event.message !== 'two') continue;
      await followers.at(-1)?.kill({ graceMs: 0 });
      // Longer than what was read, and with a line that was heard.
      writeFileSync(path('new'), 'STATUS: one\nSTATUS: three\n');
      renameSync(path('new'), path('optio.log'));
    }
    expect(seen).toEqual(['s1:0:0 one', 's1:0:12 two', 'LOG_INTERRUPTED', 'LOG_REPLACED', 's1:1:12 three']);
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
