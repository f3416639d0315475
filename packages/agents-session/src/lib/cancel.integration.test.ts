import { afterAll, describe, expect, it } from 'vitest';

import { firstOf, typesOf } from '../../test/read-events.ts';
import { createScriptedBench, isAlive } from '../../test/scripted-agent.ts';
import { createEventStream } from './event-stream.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

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
