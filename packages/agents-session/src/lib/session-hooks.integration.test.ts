import { HostError } from '@optio-ts/host-core';
import { afterAll, describe, expect, it } from 'vitest';

import { createScriptedBench } from '../../test/scripted-agent.ts';
import type { HookContext } from './hook-context.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

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
