import { describe, expect, it } from 'vitest';

import { createByteQueue } from './byte-queue.ts';

const read = async (bytes: AsyncIterable<Uint8Array>): Promise<string> => {
  let text = '';
  for await (const chunk of bytes) text += Buffer.from(chunk).toString();
  return text;
};

describe('createByteQueue', () => {
  it('hands over what is pushed before and while it is read', async () => {
    const queue = createByteQueue();
    queue.push(Buffer.from('a'));
    const reading = read(queue.bytes);
    queue.push(Buffer.from('b'));
    await Promise.resolve();
    queue.push(Buffer.from('c'));
    queue.end();
    queue.push(Buffer.from('too late'));
    expect(await reading).toBe('abc');
    expect(await read(queue.bytes)).toBe('');
  });

  it('asks the source to wait when it is full and to go on when there is room', async () => {
    const calls: string[] = [];
    const queue = createByteQueue({
      highWaterMark: 10,
      onFull: () => calls.push('full'),
      onDrain: () => calls.push('drain'),
    });
    queue.push(Buffer.alloc(6));
    expect(calls).toEqual([]);
    queue.push(Buffer.alloc(6));
    queue.push(Buffer.alloc(6));
    expect(calls).toEqual(['full']);
    const iterator = queue.bytes[Symbol.asyncIterator]();
    await iterator.next();
    expect(calls).toEqual(['full']);
    await iterator.next();
    expect(calls).toEqual(['full', 'drain']);
  });

  it('fails its reader at once, also one that waits', async () => {
    const failure = new Error('lost');
    const queue = createByteQueue();
    const waiting = read(queue.bytes);
    queue.fail(failure);
    await expect(waiting).rejects.toBe(failure);

    const other = createByteQueue();
    other.push(Buffer.from('a'));
    other.fail(failure);
    await expect(read(other.bytes)).rejects.toBe(failure);
  });

  it('fails also after its end, as long as that was not read', async () => {
    const queue = createByteQueue();
    queue.push(Buffer.from('a'));
    queue.end();
    queue.fail(new Error('after all'));
    await expect(read(queue.bytes)).rejects.toThrow('after all');
  });

  it('drops the rest when its reader stops, and lets the source go on', async () => {
    const calls: string[] = [];
    const queue = createByteQueue({ highWaterMark: 1, onDrain: () => calls.push('drain') });
    queue.push(Buffer.from('a'));
    queue.push(Buffer.from('b'));
    for await (const chunk of queue.bytes) {
      expect(Buffer.from(chunk).toString()).toBe('a');
      break;
    }
    expect(calls).toEqual(['drain']);
    queue.push(Buffer.from('c'));
    expect(await read(queue.bytes)).toBe('');
  });

  it('answers a reader that stops while it waits', async () => {
    const iterator = createByteQueue().bytes[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await iterator.return?.();
    expect(await waiting).toMatchObject({ done: true });
  });
});
