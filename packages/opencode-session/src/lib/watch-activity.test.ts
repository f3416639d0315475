import { describe, expect, it } from 'vitest';

import { readActivity, watchActivity } from './watch-activity.ts';

const event = (type: string, properties: Record<string, unknown> = {}, sessionId = 'ses_1') => ({
  type,
  sessionId,
  directory: undefined,
  properties,
});

describe('readActivity', () => {
  it.each([
    [event('session.idle'), { type: 'idle' }],
    [event('session.status', { status: { type: 'idle' } }), { type: 'idle' }],
    [event('session.status', { status: { type: 'busy' } }), { type: 'busy' }],
    [event('session.status', { status: { type: 'retry', message: 'overloaded' } }), { type: 'busy' }],
    [
      event('session.error', { error: { name: 'APIError', data: { message: 'no credit' } } }),
      { type: 'failed', message: 'no credit' },
    ],
    [event('session.error', { error: { name: 'UnknownError' } }), { type: 'failed', message: 'UnknownError' }],
    [event('session.error', { error: { name: 'MessageAbortedError' } }), undefined],
    [event('session.idle', {}, 'ses_of_a_subagent'), undefined],
    [event('message.updated'), undefined],
  ])('reads %j', (given, activity) => {
    expect(readActivity(given, 'ses_1')).toEqual(activity);
  });

  it('notices that a subagent waits for a person', () => {
    const given = event('permission.asked', { permission: 'bash' }, 'ses_of_a_subagent');
    expect(readActivity(given, 'ses_1')).toEqual({ type: 'waiting', reason: 'The agent asks for permission: bash' });
  });
});

describe('watchActivity', () => {
  it('knows when the agent is idle after its listener has left', async () => {
    const busy = Promise.withResolvers<void>();
    const watch = watchActivity({
      client: {
        async *events() {
          yield event('session.status', { status: { type: 'busy' } });
          await busy.promise;
          yield event('session.idle');
        },
      },
      opencodeSessionId: 'ses_1',
      onRetry: () => undefined,
      abortSignal: new AbortController().signal,
    });
    for await (const activity of watch.activity) {
      expect(activity).toEqual({ type: 'busy' });
      break;
    }
    let isIdle = false;
    const idle = watch.whenIdle().then(() => {
      isIdle = true;
    });
    await Promise.resolve();
    expect(isIdle).toBe(false);
    busy.resolve();
    await idle;
  });

  it('tells its listener when the events break off', async () => {
    const watch = watchActivity({
      client: {
        // oxlint-disable-next-line require-yield -- it breaks off at once
        async *events() {
          throw new Error('refused');
        },
      },
      opencodeSessionId: 'ses_1',
      onRetry: () => undefined,
      abortSignal: new AbortController().signal,
    });
    await expect(Array.fromAsync(watch.activity)).rejects.toThrow('refused');
    await watch.whenIdle();
  });
});
