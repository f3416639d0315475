import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { afterAll, describe, expect, it } from 'vitest';

import { firstOf, typesOf } from '../../test/read-events.ts';
import { createScriptedBench, isAlive, readText } from '../../test/scripted-agent.ts';
import { createEventStream } from './event-stream.ts';
import type { AgentEvent, EventEnvelope } from './events.ts';
import { runAgentSession } from './run-agent-session.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

describe('a session that goes well', () => {
  it('tells status, deliverable and DONE in order, with ids, and ends everything', async () => {
    const order: string[] = [];
    const { session, workspace, processes } = await bench.start(
      `say 'STATUS: 10% starting'
       printf 'hello 42 blue' >deliverables/out.txt
       say 'DELIVERABLE: ./deliverables/out.txt'
       say 'STATUS: 100%'
       say 'DONE: all green'
       stay`,
      {
        hooks: {
          beforeExecute: ({ workdir }) => void order.push(`before ${workdir}`),
          onDeliverable: async (_context, deliverable) => {
            order.push(`deliverable ${deliverable.name} ${await readText(deliverable.content())}`);
          },
          afterExecute: () => void order.push(`after, alive: ${isAlive(processes[0]?.pid ?? 0)}`),
        },
        beforeStop: ({ agent, outcome, isAgentStopped }) =>
          void order.push(`beforeStop ${outcome.state} ${agent !== undefined} ${isAgentStopped}`),
        teardown: ({ isAgentStopped }) => void order.push(`teardown ${isAgentStopped}`),
      },
    );
    const events = await Array.fromAsync(session.events);
    expect(events).toMatchObject([
      { type: 'status', percent: 10, message: 'starting', id: 's1:0:0' },
      { type: 'status', percent: 100, message: '' },
      { type: 'deliverable', path: 'deliverables/out.txt', name: 'out.txt', sizeBytes: 13, id: 's1:0:21' },
      { type: 'done', summary: 'all green', id: 's1:0:70' },
      { type: 'ended', outcome: { state: 'done' }, id: 's1:w0:0' },
    ]);
    expect(await session.result).toEqual({
      state: 'done',
      reason: 'agent-done',
      message: 'all green',
      exit: undefined,
      problems: [],
    });
    expect(order).toEqual([
      `before ${workspace.workdir}`,
      'deliverable out.txt hello 42 blue',
      'beforeStop done true false',
      'after, alive: false',
      'teardown true',
    ]);
  });

  it('loses nothing when nobody listens until it is over', async () => {
    const { session } = await bench.start(`for n in 1 2 3; do say "STATUS: $n"; done; say DONE`);
    expect((await session.result).state).toBe('done');
    for (let listener = 0; listener < 2; listener += 1) {
      expect(typesOf(await Array.fromAsync(session.events))).toEqual(['status', 'status', 'status', 'done', 'ended']);
    }
  });

  it('keeps a deliverable readable for a listener that reads it in the loop, until teardown', async () => {
    let isTornDown = false;
    const isAlmostOver = Promise.withResolvers<void>();
    const { session } = await bench.start(
      `head -c 3000000 /dev/zero >deliverables/large
       say 'DELIVERABLE: deliverables/large'
       say DONE
       stay`,
      {
        hooks: { afterExecute: () => isAlmostOver.resolve() },
        teardown: () => {
          isTornDown = true;
        },
      },
    );
    for await (const event of session.events) {
      if (event.type !== 'deliverable') continue;
      // As late as can be: only the teardown is left to do.
      await isAlmostOver.promise;
      let sizeBytes = 0;
      for await (const chunk of event.content()) sizeBytes += chunk.length;
      expect(sizeBytes).toBe(3_000_000);
      expect(isTornDown).toBe(false);
    }
    expect((await session.result).problems).toEqual([]);
  });

  it('is not held up by a listener that stands still, but for its patience at the end', async () => {
    const { session } = await bench.start(
      `: >deliverables/a; say 'DELIVERABLE: deliverables/a'; say 'STATUS: 1'; say DONE; stay`,
      { limits: { drainMs: 200 } },
    );
    const stuck = session.events[Symbol.asyncIterator]();
    await stuck.next();
    const outcome = await session.result;
    expect(outcome.state).toBe('done');
    expect(outcome.problems).toEqual([{ step: 'deliverables', message: 'not everything was taken in time' }]);
  });

  it('turns a call of the browser into an event', async () => {
    const { session } = await bench.start(
      `xdg-open https://example.com/a; "$BROWSER" https://example.com/b; say DONE; stay`,
      { protocol: createLogProtocol({ browser: 'redirect' }) },
    );
    const events = await Array.fromAsync(session.events);
    expect(events.flatMap((event) => (event.type === 'browser' ? [event.url] : []))).toEqual([
      'https://example.com/a',
      'https://example.com/b',
    ]);
  });

  it('takes events of its own into a stream that the caller keeps', async () => {
    type Extra = EventEnvelope & { readonly type: 'live' };
    const stream = createEventStream<AgentEvent | Extra>({ sessionId: 'mine', fencing: 4 });
    stream.emit({ type: 'live' });
    const workspace = await bench.openWorkspace();
    const session = runAgentSession({
      host: bench.host,
      workspace,
      protocol: createLogProtocol(),
      sessionId: 'mine',
      stream,
      launch: async ({ emit }) => {
        emit({ type: 'progress', step: 'launch', message: 'starting' });
        const agent = await bench.launch(workspace, `say DONE; stay`);
        return { exited: agent.exited, stop: async () => agent.stop() };
      },
    });
    await session.result;
    stream.emit({ type: 'live' });
    stream.end();
    const events = await Array.fromAsync(session.events);
    expect(events.map(({ id, type }) => `${id} ${type}`)).toEqual([
      'mine:w4:0 live',
      'mine:w4:1 progress',
      'mine:0:0 done',
      'mine:w4:2 ended',
      'mine:w4:3 live',
    ]);
  });
});

describe('the end of the agent', () => {
  it('fails with the reason of an ERROR', async () => {
    const { session } = await bench.start(`say 'ERROR: auth failed'; stay`);
    expect(await session.result).toMatchObject({ state: 'failed', reason: 'agent-error', message: 'auth failed' });
    expect(typesOf(await Array.fromAsync(session.events))).toEqual(['error', 'ended']);
  });

  it('fails when the agent exits before DONE, with its last output', async () => {
    const { session } = await bench.start(`say 'STATUS: almost'; echo 'out of memory'; exit 3`, {
      agent: (agent, process) => ({
        ...agent,
        outputTail: () => Promise.resolve(readFileSync(process.output.path, 'utf8').trim()),
      }),
    });
    expect(await session.result).toMatchObject({
      state: 'failed',
      reason: 'agent-exited',
      message: 'The agent ended with exit code 3 before it wrote DONE\n\nout of memory',
      exit: { exitCode: 3 },
    });
    expect(typesOf(await Array.fromAsync(session.events))).toEqual(['status', 'ended']);
  });

  it('is done when the agent writes DONE and exits at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { session } = await bench.start(
        `for n in 1 2 3; do say "STATUS: $n"; done; say 'DONE: fine'; exit ${round}`,
      );
      expect(await session.result).toMatchObject({ state: 'done', message: 'fine' });
      const types = typesOf(await Array.fromAsync(session.events));
      expect(types.filter((type) => type !== 'warning')).toEqual(['status', 'status', 'status', 'done', 'ended']);
    }
  });

  it('reads a DONE without a newline, before an exit and without one', async () => {
    const exiting = await bench.start(`printf 'STATUS: x\\nDONE: last' >>optio.log`);
    expect(await exiting.session.result).toMatchObject({ state: 'done', message: 'last' });
    const staying = await bench.start(`printf 'STATUS: x\\nDONE: last' >>optio.log; stay`);
    expect(await staying.session.result).toMatchObject({ state: 'done', message: 'last' });
  });

  it('is lost, never done, when nobody can say whether the agent runs', async () => {
    const gone = Promise.withResolvers<never>();
    const launched = Promise.withResolvers<void>();
    const { session } = await bench.start(`say 'STATUS: x'; stay`, {
      agent: (agent) => {
        launched.resolve();
        return { ...agent, exited: gone.promise };
      },
    });
    await firstOf(session.events, 'status');
    await launched.promise;
    await new Promise((resolve) => setImmediate(resolve));
    gone.reject(new Error('no supervisor'));
    expect(await session.result).toMatchObject({
      state: 'lost',
      reason: 'agent-lost',
      error: new Error('no supervisor'),
    });
  });

  it('keeps to what the agent wrote last, even then', async () => {
    const { session, signal } = await bench.start(`await_file go; say 'DONE: still'; stay`, {
      agent: (agent) => ({ ...agent, exited: Promise.reject(new Error('no supervisor')) }),
      logPollMs: 10,
      hooks: { beforeExecute: ({ workdir }) => writeFileSync(join(workdir, 'go'), '') },
    });
    signal('go');
    expect(['done', 'lost']).toContain((await session.result).state);
  });
});

describe('options', () => {
  it('refuses what cannot work before anything is touched', async () => {
    const workspace = await bench.openWorkspace();
    const before = readdirSync(workspace.workdir);
    const good = {
      host: bench.host,
      workspace,
      protocol: createLogProtocol(),
      sessionId: 's',
      launch: () => Promise.reject(new Error('never')),
    };
    for (const wrong of [
      { sessionId: '' },
      { workspace: { workdir: 'relative' } },
      { deadlineMs: 0 },
      { deadlineMs: 2 ** 31 },
      { idleLimitMs: Number.NaN },
      { limits: { stopMs: -1 } },
      { logPollMs: 0 },
      { maxDeliverableBytes: 1.5 },
      { maxDeliverableBytes: 1e30 },
      { elapsedMs: Number.NaN },
      { fencing: -1 },
      { stream: createEventStream({ sessionId: 'other' }) },
    ]) {
      expect(() => runAgentSession({ ...good, ...wrong }), JSON.stringify(wrong)).toThrow(TypeError);
    }
    expect(readdirSync(workspace.workdir)).toEqual(before);
  });
});
