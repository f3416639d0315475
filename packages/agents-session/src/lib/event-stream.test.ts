import { describe, expect, it } from 'vitest';

import { createEventStream } from './event-stream.ts';
import type { EventStream } from './event-stream.ts';
import type { AgentEvent, EventEnvelope } from './events.ts';

const at = new Date(7);
const create = (maxKeptCharacters = 100_000): EventStream =>
  createEventStream({ sessionId: 's', fencing: 3, maxKeptCharacters, now: () => at });

const say = (stream: EventStream, count: number): void => {
  for (let number = 0; number < count; number += 1) {
    stream.emitLogged({ generation: 0, offset: number }, { type: 'status', percent: undefined, message: `${number}` });
  }
};
const offsets = (events: readonly AgentEvent[]): number[] => events.map(({ id }) => Number(id.split(':')[2]));

describe('createEventStream', () => {
  it('gives what the agent wrote and what the harness says ids of their own', () => {
    const stream = create();
    expect(stream.emit({ type: 'warning', code: 'X', message: 'y' })).toEqual({
      id: 's:w3:0',
      sessionId: 's',
      at,
      type: 'warning',
      code: 'X',
      message: 'y',
    });
    expect(stream.emitLogged({ generation: 2, offset: 40 }, { type: 'attention', reason: 'z' }).id).toBe('s:2:40');
    expect(stream.emit({ type: 'warning', code: 'X', message: 'y' }).id).toBe('s:w3:1');
  });

  it('keeps events for listeners that come later, and ends them all', async () => {
    const stream = create();
    say(stream, 3);
    const early = Array.fromAsync(stream.events);
    say(stream, 2);
    stream.end();
    stream.end();
    say(stream, 1);
    expect(offsets(await early)).toEqual([0, 1, 2, 0, 1]);
    expect(offsets(await Array.fromAsync(stream.events))).toEqual([0, 1, 2, 0, 1]);
  });

  it('wakes a listener that waits, and answers overlapping calls in order', async () => {
    const stream = create();
    const iterator = stream.events[Symbol.asyncIterator]();
    const results = [iterator.next(), iterator.next(), iterator.next()];
    say(stream, 2);
    stream.end();
    const got = await Promise.all(results);
    expect(got.map(({ done }) => done)).toEqual([false, false, true]);
    expect(got[1]?.value?.id).toBe('s:0:1');
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('lets a listener leave while it waits', async () => {
    const stream = create();
    const iterator = stream.events[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await iterator.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    say(stream, 1);
    expect(stream.handled).toBe(1);
  });

  it('counts as handled what every attached listener has gone past', async () => {
    const stream = create();
    const changes: number[] = [];
    const stop = stream.onHandled(() => changes.push(stream.handled));
    say(stream, 2);
    expect([stream.count, stream.handled]).toEqual([2, 2]);
    const first = stream.events[Symbol.asyncIterator]();
    const second = stream.events[Symbol.asyncIterator]();
    expect(stream.handled).toBe(0);
    await first.next();
    await first.next();
    expect(stream.handled).toBe(0);
    await second.next();
    await second.next();
    expect(stream.handled).toBe(1);
    await second.return?.();
    expect(stream.handled).toBe(1);
    await first.return?.();
    expect(stream.handled).toBe(2);
    expect(changes.at(-1)).toBe(2);
    stop();
  });

  it('drops the oldest chatter first and tells a slow listener how much it missed', async () => {
    const stream = create(100 * 305);
    const slow = stream.events[Symbol.asyncIterator]();
    say(stream, 1);
    expect((await slow.next()).value?.id).toBe('s:0:0');
    stream.emit({ type: 'attention', reason: 'important' });
    say(stream, 1000);
    stream.end();
    const seen = [];
    for (let next = await slow.next(); next.done !== true; next = await slow.next()) seen.push(next.value);
    expect(seen[0]).toMatchObject({ type: 'attention' });
    const gap = seen[1];
    expect(gap).toMatchObject({ type: 'warning', code: 'EVENTS_DROPPED' });
    const missed = Number(/^\d+/.exec(gap?.type === 'warning' ? gap.message : '')?.[0]);
    expect(missed + seen.length - 2).toBe(1000);
    expect(seen.length).toBeLessThan(110);
    expect(seen.at(-1)?.id).toBe('s:0:999');
  });

  it('refuses a bound that is none, and takes events of any shape', () => {
    for (const maxKeptCharacters of [0, Number.NaN]) {
      expect(() => createEventStream({ sessionId: 's', maxKeptCharacters })).toThrow(TypeError);
    }
    const stream = createEventStream<EventEnvelope & { readonly data: undefined }>({ sessionId: 's' });
    expect(stream.emit({ data: undefined })).toMatchObject({ id: 's:w0:0' });
  });

  it('is bounded even when everything is important', async () => {
    const stream = create(100 * 305);
    for (let number = 0; number < 10_000; number += 1) stream.emit({ type: 'attention', reason: `${number}` });
    stream.end();
    const seen = await Array.fromAsync(stream.events);
    expect(seen.length).toBeLessThan(220);
    expect(seen[0]).toMatchObject({ code: 'EVENTS_DROPPED' });
    expect(seen.at(-1)).toMatchObject({ reason: '9999' });
  });
});
