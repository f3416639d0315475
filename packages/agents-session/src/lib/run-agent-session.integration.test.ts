import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { HostError } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { afterAll, describe, expect, it } from 'vitest';

import { createFragileHost } from '../../test/fragile-host.ts';
import { createScriptedBench, isAlive, readText } from '../../test/scripted-agent.ts';
import { createEventStream } from './event-stream.ts';
import type { AgentEvent, Deliverable, EventEnvelope } from './events.ts';
import type { HookContext } from './hook-context.ts';
import { runAgentSession } from './run-agent-session.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

const typesOf = (events: readonly AgentEvent[]): string[] => events.map(({ type }) => type);

/** Reads events up to the first of a type. */
async function firstOf(events: AsyncIterable<AgentEvent>, type: AgentEvent['type']): Promise<AgentEvent> {
  for await (const event of events) if (event.type === type) return event;
  throw new Error(`The session ended without a ${type} event`);
}

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

describe('deliverables', () => {
  it('refuses what is not a regular file under deliverables/, and answers the agent', async () => {
    const answers: string[] = [];
    const { session } = await bench.start(
      `mkfifo deliverables/pipe
       ln -s /etc/passwd deliverables/leak
       echo stray >stray.txt
       head -c 2000 /dev/zero >deliverables/large
       for path in ../etc/passwd /etc/passwd stray.txt deliverables/pipe deliverables/leak deliverables deliverables/missing deliverables/large; do
         say "DELIVERABLE: $path"
       done
       printf 'DELIVERABLE: deliverables/\\377\\n' >>optio.log
       await_file answered
       say DONE
       stay`,
      {
        maxDeliverableBytes: 1000,
        agent: (agent) => ({
          ...agent,
          sendToAgent: (text) => {
            answers.push(text);
            if (answers.join('\n').split('refused').length - 1 === 9) writeFileSync(join(directory(), 'answered'), '');
            return Promise.resolve();
          },
        }),
        hooks: {
          beforeExecute: ({ workdir: path }) => {
            workdir = path;
          },
        },
      },
    );
    const events = await Array.fromAsync(session.events);
    expect((await session.result).state).toBe('done');
    const refusals = events.flatMap((event) => (event.type === 'deliverable-rejected' ? [event] : []));
    expect(refusals.map(({ path, refusal }) => `${path} ${refusal}`)).toEqual([
      '../etc/passwd not-found',
      '/etc/passwd outside-workdir',
      'stray.txt outside-deliverables',
      'deliverables/pipe not-a-file',
      'deliverables/leak outside-workdir',
      'deliverables not-a-file',
      'deliverables/missing not-found',
      'deliverables/large too-large',
      'deliverables/\ufffd not-found',
    ]);
    expect(refusals[1]?.reason).toContain('invalid deliverable path');
    expect(refusals[2]?.reason).toContain('not under deliverables/');
    expect(refusals[7]?.reason).toBe('2000 bytes, more than the 1000 bytes that are allowed');
  });
  let workdir = '';
  const directory = (): string => workdir;

  it('hands over binary content, and each announcement anew', async () => {
    const contents: Buffer[] = [];
    const { session } = await bench.start(
      `printf '\\000\\377\\n\\r\\000' >deliverables/binary
       say 'DELIVERABLE: deliverables/binary'
       await_file seen
       printf second >deliverables/binary
       say 'DELIVERABLE: deliverables/binary'
       say DONE
       stay`,
      {
        hooks: {
          onDeliverable: async ({ workdir: path }, { content }) => {
            contents.push(Buffer.concat(await Array.fromAsync(content())));
            writeFileSync(join(path, 'seen'), '');
          },
        },
      },
    );
    await session.result;
    expect(contents.map((bytes) => bytes.toString('latin1'))).toEqual(['\0\u00ff\n\r\0', 'second']);
  });

  it('is not ended by a hook that throws, and says what a hook answers', async () => {
    const said: string[] = [];
    const { session } = await bench.start(
      `for name in bad lost good; do : >deliverables/$name; say "DELIVERABLE: deliverables/$name"; done
       await_file answered; say DONE; stay`,
      {
        hooks: {
          onDeliverable: (_context, { name }) => {
            if (name === 'bad') throw new Error('disk full');
            if (name === 'lost') throw new Error('no upload', { cause: new HostError('CONNECTION_LOST', 'gone') });
            return 'please revise';
          },
        },
        agent: (agent, process) => ({
          ...agent,
          sendToAgent: async (text) => {
            said.push(text);
            await bench.host.run(['touch', join(process.output.path, '../../../workdir/answered')]);
          },
        }),
      },
    );
    const events = await Array.fromAsync(session.events);
    expect(events).toMatchObject([
      { type: 'deliverable-rejected', refusal: 'hook-failed', reason: 'onDeliverable callback raised: disk full' },
      { type: 'deliverable-rejected', refusal: 'link-lost', reason: 'onDeliverable callback raised: no upload' },
      { type: 'deliverable', name: 'good' },
      { type: 'done' },
      { type: 'ended' },
    ]);
    expect(said).toEqual(['please revise']);
  });

  it('waits for the hook before the end, one file at a time', async () => {
    const seen: string[] = [];
    let running = 0;
    const { session } = await bench.start(
      `for n in 1 2 3; do echo $n >deliverables/$n; say "DELIVERABLE: deliverables/$n"; done; say DONE; exit`,
      {
        hooks: {
          onDeliverable: async (_context, deliverable) => {
            running += 1;
            seen.push(`${running} ${await readText(deliverable.content())}`);
            running -= 1;
          },
        },
      },
    );
    expect((await session.result).state).toBe('done');
    expect(seen).toEqual(['1 1\n', '1 2\n', '1 3\n']);
  });

  it.each([
    ['say DONE; stay', 'done'],
    ['exit 3', 'failed'],
  ])('hears what comes behind more files than may wait for a hook that hangs: %s', async (end, state) => {
    const { session } = await bench.start(
      `: >deliverables/a
       for n in $(seq 70); do echo 'DELIVERABLE: deliverables/a'; done >>optio.log
       ${end}`,
      {
        hooks: {
          // Aborted when it was heard. A cancel then only takes the patience away.
          beforeExecute: ({ abortSignal }) => abortSignal.addEventListener('abort', () => void session.cancel()),
          onDeliverable: async () => new Promise(() => undefined),
        },
        limits: { drainMs: 600_000, cancelDrainMs: 50 },
      },
    );
    expect(await session.result).toMatchObject({
      state,
      problems: [{ step: 'onDeliverable', message: 'not everything was taken in time' }],
    });
  });

  it('says why content cannot be read any more', async () => {
    const taken: Deliverable[] = [];
    const { session, path } = await bench.start(
      `: >deliverables/a; say 'DELIVERABLE: deliverables/a'; say DONE; stay`,
      {
        hooks: { onDeliverable: (_context, deliverable) => void taken.push(deliverable) },
      },
    );
    await session.result;
    execFileSync('rm', [path('deliverables/a')]);
    symlinkSync('/etc/passwd', path('deliverables/a'));
    await expect(Array.fromAsync(taken[0]?.content() ?? [])).rejects.toMatchObject({ code: 'DELIVERABLE_UNREADABLE' });
  });
});

describe('hooks', () => {
  it('launches nothing when beforeExecute throws, and still runs afterExecute and teardown', async () => {
    const order: string[] = [];
    const { session, processes } = await bench.start(`say DONE`, {
      hooks: {
        beforeExecute: () => {
          throw new Error('no dataset');
        },
        afterExecute: () => void order.push('afterExecute'),
      },
      teardown: ({ agent, isAgentStopped }) => void order.push(`teardown ${agent === undefined} ${isAgentStopped}`),
    });
    expect(await session.result).toMatchObject({ state: 'failed', reason: 'setup-failed', message: 'no dataset' });
    expect(order).toEqual(['afterExecute', 'teardown true true']);
    expect(processes).toEqual([]);
  });

  it('fails a session that went well when afterExecute throws, after everything else is done', async () => {
    const order: string[] = [];
    const { session } = await bench.start(`say DONE; stay`, {
      hooks: {
        afterExecute: () => {
          throw new Error('upload failed');
        },
      },
      teardown: ({ outcome }) => void order.push(outcome.state),
    });
    expect(await session.result).toMatchObject({ state: 'failed', message: 'afterExecute threw: upload failed' });
    expect(order).toEqual(['failed']);
  });

  it('tells a hook that has failed from a link that was lost under it', async () => {
    const gone = new HostError('CONNECTION_LOST', 'the link to lab is gone');
    const { session: after } = await bench.start(`say DONE; stay`, {
      hooks: { afterExecute: () => Promise.reject(gone) },
    });
    expect(await after.result).toMatchObject({ state: 'failed', reason: 'after-execute-failed', error: gone });
    const events = await Array.fromAsync(after.events);
    expect(events.find(({ type }) => type === 'warning')).toMatchObject({ code: 'HOOK_LINK_LOST' });
    const { session: before } = await bench.start(`say DONE`, { hooks: { beforeExecute: () => Promise.reject(gone) } });
    expect(await before.result).toMatchObject({
      reason: 'setup-failed',
      message: 'beforeExecute: the link to lab is gone',
      error: gone,
    });
  });

  it('does not let afterExecute hide the first error', async () => {
    const { session } = await bench.start(`say 'ERROR: first'; stay`, {
      hooks: { afterExecute: () => Promise.reject(new Error('second')) },
    });
    expect(await session.result).toMatchObject({
      message: 'first',
      problems: [{ step: 'afterExecute', message: 'afterExecute threw: second' }],
    });
    const events = await Array.fromAsync(session.events);
    expect(events.find(({ type }) => type === 'warning')).toMatchObject({
      message: 'afterExecute callback raised: second',
    });
  });

  it('calls no hook when the workdir cannot be prepared, but tears down', async () => {
    const order: string[] = [];
    const hook = (): void => void order.push('hook');
    const { session } = await bench.start(`say DONE`, {
      workspace: { workdir: '/no/such/directory' },
      hooks: { beforeExecute: hook, afterExecute: hook },
      teardown: () => void order.push('teardown'),
    });
    expect(await session.result).toMatchObject({ state: 'failed', reason: 'setup-failed' });
    expect(order).toEqual(['teardown']);
  });

  it('gives hooks the means to reach the host', async () => {
    const seen: string[] = [];
    const { session } = await bench.start(
      `read -r line <given; say "STATUS: $line"; printf made >deliverables/x; say 'DELIVERABLE: deliverables/x'; say DONE; stay`,
      {
        hooks: {
          beforeExecute: async (context: HookContext) => {
            await context.copy(Buffer.from('from the hook\n'), 'given');
            context.report('copied', 5);
          },
          onDeliverable: async (context, { path }) => void seen.push(await context.readText(path)),
          afterExecute: async (context) => {
            seen.push((await context.run(['cat', 'optio.log'])).stdout.toString().split('\n')[0] ?? '');
            seen.push(String(await context.sendToAgent('too late')));
          },
        },
      },
    );
    expect((await session.result).state).toBe('done');
    expect(seen).toEqual(['made', 'STATUS: from the hook', 'false']);
  });
});

describe('cancel', () => {
  it('ends a session in the middle, with its process, and is not an error', async () => {
    const { session, processes } = await bench.start(`say 'STATUS: working'; stay`);
    await firstOf(session.events, 'status');
    const outcome = await session.cancel('enough');
    expect(outcome).toMatchObject({ state: 'cancelled', message: 'enough', problems: [] });
    expect(await session.cancel('again')).toBe(outcome);
    expect(isAlive(processes[0]?.pid ?? 0)).toBe(false);
  });

  it('does not wait for a hook that hangs', async () => {
    let wasAborted = false;
    const hanging = Promise.withResolvers<void>();
    const { session } = await bench.start(`: >deliverables/a; say 'DELIVERABLE: deliverables/a'; stay`, {
      limits: { cancelDrainMs: 50 },
      hooks: {
        onDeliverable: async ({ abortSignal }) => {
          abortSignal.addEventListener('abort', () => {
            wasAborted = true;
          });
          hanging.resolve();
          await new Promise(() => undefined);
        },
      },
    });
    await hanging.promise;
    const outcome = await session.cancel();
    expect(outcome).toMatchObject({ state: 'cancelled', message: undefined });
    expect(outcome.problems.map(({ step }) => step)).toContain('onDeliverable');
    expect(wasAborted).toBe(true);
  });

  it('takes the patience away from an end that waits for readers, and leaves a DONE what it is', async () => {
    const controller = new AbortController();
    const { session } = await bench.start(`: >deliverables/a; say 'DELIVERABLE: deliverables/a'; say DONE; stay`, {
      abortSignal: controller.signal,
      limits: { drainMs: 600_000, cancelDrainMs: 50 },
    });
    const stuck = session.events[Symbol.asyncIterator]();
    await stuck.next();
    await firstOf(session.events, 'done');
    controller.abort();
    expect((await session.result).state).toBe('done');
  });

  it('works before and during the start', async () => {
    const controller = new AbortController();
    controller.abort(new Error('never mind'));
    const early = await bench.start(`say DONE`, { abortSignal: controller.signal });
    expect(await early.session.result).toMatchObject({ state: 'cancelled', message: 'never mind' });
    expect(early.processes).toEqual([]);

    const launching = Promise.withResolvers<void>();
    const during = await bench.start(`say DONE`, {
      launch: async ({ abortSignal }) => {
        launching.resolve();
        await new Promise((_resolve, reject) => {
          abortSignal.addEventListener('abort', () => reject(abortSignal.reason as Error));
        });
        throw new Error('unreachable');
      },
    });
    await launching.promise;
    expect(await during.session.cancel()).toMatchObject({ state: 'cancelled', problems: [] });
  });

  it('stops an agent that appears after it was given up', async () => {
    const launching = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const stream = createEventStream({ sessionId: 'given-up' });
    const seen: boolean[] = [];
    const { session } = await bench.start('', {
      stream,
      sessionId: stream.sessionId,
      limits: { stopMs: 50 },
      teardown: ({ isAgentStopped }) => void seen.push(isAgentStopped),
      launch: async ({ emit }) => {
        launching.resolve();
        await release.promise;
        emit({ type: 'progress', step: 'launch', message: 'late' });
        return {
          exited: new Promise(() => undefined),
          stop: () => {
            stopped.resolve();
            return Promise.resolve();
          },
        };
      },
    });
    await launching.promise;
    const outcome = await session.cancel();
    expect(outcome.problems.map(({ step }) => step)).toEqual(['launch']);
    // It may appear yet: its directory is not to be removed.
    expect(seen).toEqual([false]);
    release.resolve();
    await stopped.promise;
    stream.end();
    expect(typesOf(await Array.fromAsync(stream.events)).at(-1)).toBe('ended');
  });

  it('does not change an end that has begun', async () => {
    const { session } = await bench.start('exit 3', {
      agent: (agent) => ({
        ...agent,
        modelFailure: () => {
          throw new Error('no idea');
        },
      }),
      teardown: () => void session.cancel('too late'),
    });
    const warnings: string[] = [];
    for await (const event of session.events) if (event.type === 'warning') warnings.push(event.message);
    expect(await session.result).toMatchObject({ state: 'failed', reason: 'agent-exited', problems: [] });
    expect(new Set(warnings)).toEqual(new Set(['The agent does not say whether its model failed: no idea']));
  });

  it('reports an agent that could not be stopped, and goes on', async () => {
    const seen: boolean[] = [];
    const { session } = await bench.start(`say 'STATUS: x'; stay`, {
      agent: (agent) => ({ ...agent, stop: () => Promise.reject(new Error('not confirmed')) }),
      teardown: ({ isAgentStopped }) => void seen.push(isAgentStopped),
    });
    await firstOf(session.events, 'status');
    expect(await session.cancel()).toMatchObject({
      state: 'cancelled',
      problems: [{ step: 'stop', message: 'not confirmed' }],
    });
    expect(seen).toEqual([false]);
  });

  it('ends a session at its deadline', async () => {
    const { session, processes } = await bench.start(`say 'STATUS: x'; stay`, {
      deadlineMs: 3_600_400,
      elapsedMs: 3_600_000,
    });
    // A clock that was set back makes no time of it that a timer cannot have, and that would be over at once.
    const { session: early } = await bench.start(`say DONE; stay`, { deadlineMs: 2 ** 31 - 1, elapsedMs: -60_000 });
    expect((await early.result).state).toBe('done');
    const message = 'The session took longer than its deadline of 3600400 ms';
    expect(await session.result).toMatchObject({ state: 'failed', reason: 'deadline', message });
    for (const { pid } of processes) expect(isAlive(pid)).toBe(false);
  });

  it.each(['beforeExecute', 'launch'] as const)('fails a session whose %s does not come to its end', async (step) => {
    const never = async (): Promise<never> => new Promise(() => undefined);
    const { session } = await bench.start('stay', {
      ...(step === 'launch' ? { launch: never } : { hooks: { beforeExecute: never } }),
      limits: { startMs: 300, stopMs: 20 },
    });
    const { reason, message, problems } = await session.result;
    expect([reason, message]).toEqual(['setup-failed', `${step} did not finish within 300 ms`]);
    expect(problems.map((problem) => problem.step)).toEqual([step]);
  });

  it('bounds every step of the end', async () => {
    const never = async (): Promise<void> => new Promise(() => undefined);
    const { session } = await bench.start(`say DONE; stay`, {
      beforeStop: never,
      hooks: { afterExecute: never },
      teardown: never,
      limits: { beforeStopMs: 20, afterExecuteMs: 20, teardownMs: 20 },
    });
    const { state, problems } = await session.result;
    expect(state).toBe('failed');
    expect(problems.map(({ step }) => step)).toEqual(['beforeStop', 'teardown']);
  });
});

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
