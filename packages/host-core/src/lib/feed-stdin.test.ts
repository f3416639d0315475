import { Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, it } from 'vitest';

import { feedStdin } from './feed-stdin.ts';

function collector(): { target: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const target = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { target, text: () => Buffer.concat(chunks).toString() };
}

describe('feedStdin', () => {
  it('writes strings, bytes and streams, and ends the input', async () => {
    for (const source of ['abc', Buffer.from('abc'), chunksOf('a', 'bc')]) {
      const { target, text } = collector();
      await feedStdin(source, target).done;
      await expect.poll(() => target.writableFinished).toBe(true);
      expect(text()).toBe('abc');
    }
  });

  it('is done when the command no longer reads', async () => {
    const { target } = collector();
    const feed = feedStdin(chunksOf('a', 'b'), target);
    target.destroy(new Error('EPIPE'));
    await feed.done;
  });

  it('is done at once when it is stopped, whatever the source does', async () => {
    const { target } = collector();
    const never: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
    const feed = feedStdin(never, target);
    feed.stop();
    feed.stop();
    await feed.done;
  });

  it('fails with the error of the source and closes a source that yields something else than bytes', async () => {
    const failure = new Error('mine');
    async function* failing(): AsyncGenerator<Uint8Array, void, void> {
      yield Buffer.from('a');
      throw failure;
    }
    await expect(feedStdin(failing(), collector().target).done).rejects.toBe(failure);

    let isClosed = false;
    async function* strings(): AsyncGenerator<Uint8Array, void, void> {
      try {
        yield 'text' as unknown as Uint8Array;
      } finally {
        isClosed = true;
      }
    }
    await expect(feedStdin(strings(), collector().target).done).rejects.toThrow(TypeError);
    expect(isClosed).toBe(true);
  });

  it('holds nothing of what it has written', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const chunks: WeakRef<Uint8Array>[] = [];
    async function* source(): AsyncGenerator<Uint8Array, void, void> {
      for (let index = 0; index < 50; index += 1) {
        const chunk = Buffer.alloc(100_000);
        chunks.push(new WeakRef(chunk));
        yield chunk;
      }
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
      expect(chunks.filter((chunk) => chunk.deref() !== undefined).length).toBeLessThan(5);
    }
    const target = new Writable({ write: (_chunk, _encoding, done) => setImmediate(done) });
    await feedStdin(source(), target).done;
  });
});

async function* chunksOf(...texts: string[]): AsyncGenerator<Uint8Array, void, void> {
  for (const text of texts) yield Buffer.from(text);
}
