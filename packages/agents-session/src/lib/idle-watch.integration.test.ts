import { afterAll, describe, expect, it } from 'vitest';

import { firstOf, typesOf } from '../../test/read-events.ts';
import { createScriptedBench } from '../../test/scripted-agent.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

describe('idleness', () => {
  it('reminds the agent once, calls for attention, then fails', async () => {
    const said: string[] = [];
    const { session } = await bench.start(`say ' DONE'; stay`, {
      idleLimitMs: 60,
      agent: (agent) => ({
        ...agent,
        sendToAgent: (text) => {
          said.push(text);
          return Promise.resolve();
        },
        activity: (async function* activity() {
          yield { type: 'busy' } as const;
          await firstOf(session.events, 'log');
          yield { type: 'idle' } as const;
          await session.result;
        })(),
      }),
    });
    expect(await session.result).toMatchObject({ state: 'failed', reason: 'agent-idle' });
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('looks like DONE');
    expect(typesOf(await Array.fromAsync(session.events))).toEqual(['log', 'progress', 'attention', 'ended']);
  });

  it('lets the agent go on after the reminder', async () => {
    const { session, signal } = await bench.start(`await_file go; say DONE; stay`, {
      idleLimitMs: 30,
      agent: (agent) => ({
        ...agent,
        sendToAgent: () => {
          signal('go');
          return Promise.resolve();
        },
        activity: (async function* activity() {
          yield { type: 'idle' } as const;
          await firstOf(session.events, 'progress');
          yield { type: 'busy' } as const;
          await session.result;
        })(),
      }),
    });
    expect((await session.result).state).toBe('done');
  });
});
