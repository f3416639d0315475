import type { OpencodeEvent } from '@optio-ts/opencode-launcher';
import { describe, expect, it, vi } from 'vitest';

import { readActivity, watchActivity } from './watch-activity.ts';
import type { WatchActivityOptions } from './watch-activity.ts';

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
    [
      event('session.error', { error: { data: { message: 'Model not found: a/b. Did you mean: a/c?' } } }),
      { type: 'failed', message: 'Model not found: a/b. Did you mean: a/c?', isLasting: true },
    ],
    [
      event('session.error', {
        error: { data: { message: 'ProviderModelNotFoundError: Model not found: a/b.\n    at x (y:1:2)' } },
      }),
      { type: 'failed', message: 'Model not found: a/b.', isLasting: true },
    ],
    [
      event('session.error', { error: { data: { message: 'Error: broken\nin two\n    at x (y:1:2)\n    at z' } } }),
      { type: 'failed', message: 'Error: broken\nin two' },
    ],
    [event('session.error', { error: { name: 'MessageAbortedError' } }), undefined],
    [event('session.idle', {}, 'ses_of_a_subagent'), undefined],
    [event('message.updated'), undefined],
  ])('reads %j', (given, activity) => {
    expect(readActivity(given, 'ses_1')).toEqual(activity);
  });
});

/** A client that has events and nothing else to tell. */
const client = (events: () => AsyncGenerator<OpencodeEvent>, more: Partial<WatchActivityOptions['client']> = {}) => ({
  events,
  status: async () => new Map(),
  messages: async () => [],
  ...more,
});

describe('watchActivity', () => {
  it('knows when the agent is idle after its listener has left', async () => {
    const busy = Promise.withResolvers<void>();
    const watch = watchActivity({
      client: client(async function* events() {
        yield event('session.status', { status: { type: 'busy' } });
        await busy.promise;
        yield event('session.idle');
      }),
      opencodeSessionId: 'ses_1',
      onRetry: () => undefined,
      stallLimitMs: 60_000,
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
      // oxlint-disable-next-line require-yield -- it breaks off at once
      client: client(async function* events() {
        throw new Error('refused');
      }),
      opencodeSessionId: 'ses_1',
      onRetry: () => undefined,
      stallLimitMs: 60_000,
      abortSignal: new AbortController().signal,
    });
    await expect(Array.fromAsync(watch.activity)).rejects.toThrow('refused');
    await watch.whenIdle();
  });

  it('keeps what the model failed with until it answers again', async () => {
    const steps: (string | undefined)[] = [];
    const failed = event('session.error', { error: { name: 'APIError', data: { message: 'no credit' } } });
    const watch = watchActivity({
      client: client(async function* events() {
        yield event('session.status', { status: { type: 'retry', message: 'overloaded' } });
        steps.push(watch.modelFailure());
        yield event('session.status', { status: { type: 'busy' } });
        yield failed;
        steps.push(watch.modelFailure());
        yield event('message.part.updated', { part: { type: 'text' } });
        steps.push(watch.modelFailure());
        yield event('message.part.updated', { part: { type: 'step-finish' } });
        steps.push(watch.modelFailure());
      }),
      opencodeSessionId: 'ses_1',
      onRetry: () => undefined,
      stallLimitMs: 60_000,
      abortSignal: new AbortController().signal,
    });
    await Array.fromAsync(watch.activity);
    // A text may be what was said to the model.
    expect(steps).toEqual(['overloaded', 'no credit', 'no credit', undefined]);
  });

  it('asks for what the agent did while nobody heard it', async () => {
    const connected = event('server.connected');
    const error = { name: 'APIError', message: 'no credit', statusCode: 401 };
    const watch = watchActivity({
      client: client(
        async function* events() {
          yield connected;
          yield event('session.status', { status: { type: 'busy' } });
          yield connected;
        },
        { messages: async () => [{ error } as never] },
      ),
      opencodeSessionId: 'ses_1',
      onRetry: () => undefined,
      stallLimitMs: 60_000,
      abortSignal: new AbortController().signal,
    });
    expect(await Array.fromAsync(watch.activity)).toEqual([
      { type: 'busy' },
      { type: 'failed', message: 'no credit' },
      { type: 'idle' },
    ]);
    expect(watch.isIdle()).toBe(true);
  });

  it('calls a person once when a busy agent shows no sign of life', async () => {
    vi.useFakeTimers();
    try {
      const over = new AbortController();
      const watch = watchActivity({
        client: client(async function* events() {
          yield event('session.status', { status: { type: 'busy' } });
          yield { ...event('server.heartbeat'), sessionId: undefined };
          await new Promise((resolve) => {
            over.signal.addEventListener('abort', resolve);
          });
        }),
        opencodeSessionId: 'ses_1',
        onRetry: () => undefined,
        stallLimitMs: 60_000,
        abortSignal: over.signal,
      });
      await vi.advanceTimersByTimeAsync(59_000);
      const iterator = watch.activity[Symbol.asyncIterator]();
      expect((await iterator.next()).value).toEqual({ type: 'busy' });
      await vi.advanceTimersByTimeAsync(200_000);
      expect((await iterator.next()).value).toMatchObject({ type: 'waiting', reason: expect.stringContaining('60 s') });
      over.abort();
      expect((await iterator.next()).done).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});
