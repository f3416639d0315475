import { HostError } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { afterAll, describe, expect, it } from 'vitest';

import { createFragileHost } from '../../test/fragile-host.ts';
import { firstOf } from '../../test/read-events.ts';
import { createScriptedBench } from '../../test/scripted-agent.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

describe('a link that is lost', () => {
  it('delivers everything exactly once, however often the link breaks', async () => {
    const { host, followers } = createFragileHost(bench.host);
    const { session, signal } = await bench.start(
      `for n in 1 2 3 4 5; do say "STATUS: $n"; await_file "go$n"; done; say DONE; stay`,
      { host },
    );
    const seen: string[] = [];
    let interruptions = 0;
    for await (const event of session.events) {
      if (event.type === 'warning' && event.code === 'LOG_INTERRUPTED') interruptions += 1;
      if (event.type !== 'status') continue;
      seen.push(event.message);
      await followers.at(-1)?.kill({ graceMs: 0 });
      signal(`go${event.message}`);
    }
    expect(seen).toEqual(['1', '2', '3', '4', '5']);
    expect(interruptions).toBeGreaterThan(0);
    expect(await session.result).toMatchObject({ state: 'done', problems: [] });
  });

  it('leaves a deliverable that it cannot look at any more to whoever goes on', async () => {
    let isCut = false;
    const host: Host = {
      ...bench.host,
      run: async (command, options) => {
        if (isCut) throw new HostError('CONNECTION_LOST', 'cut');
        return bench.host.run(command, options);
      },
    };
    const positions: number[] = [];
    const { session, signal } = await bench.start(
      `: >deliverables/a; say 'STATUS: 1'; await_file go; say 'DELIVERABLE: deliverables/a'; say 'STATUS: 2'; stay`,
      { host, reconnectLimitMs: 100, onOffset: ({ offset }) => void positions.push(offset) },
    );
    const types: string[] = [];
    for await (const event of session.events) {
      types.push(event.type);
      if (types.length > 1) continue;
      isCut = true;
      signal('go');
    }
    expect(types).not.toContain('deliverable-rejected');
    expect(await session.result).toMatchObject({
      state: 'lost',
      reason: 'log-lost',
      error: { code: 'CONNECTION_LOST' },
    });
    expect(positions.at(-1)).toBe('STATUS: 1\n'.length);
  });

  it('is lost, never done, when the link does not come back', async () => {
    const { host, followers, refuse } = createFragileHost(bench.host);
    const { session } = await bench.start(`say 'STATUS: x'; stay`, { host, reconnectLimitMs: 100 });
    await firstOf(session.events, 'status');
    const error = new HostError('CONNECT_FAILED', 'no route');
    refuse(error);
    await followers[0]?.kill({ graceMs: 0 });
    expect(await session.result).toMatchObject({ state: 'lost', reason: 'log-lost', error });
  });

  it('is lost at once when the log cannot be read for another reason', async () => {
    const { host, refuse } = createFragileHost(bench.host);
    refuse(new HostError('DISPOSED', 'the host was closed'));
    const { session } = await bench.start(`stay`, { host });
    expect(await session.result).toMatchObject({ state: 'lost', reason: 'log-lost' });
  });
});
