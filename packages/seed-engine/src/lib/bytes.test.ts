import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, it } from 'vitest';

import { abortable, collect, inChunks } from './bytes.ts';
import { noise, readAll, stream } from './testing/contract-case.ts';

describe('abortable', () => {
  it('keeps no chunk alive that was handed on', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const chunks: WeakRef<Uint8Array>[] = [];
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 50; index += 1) {
        const chunk = new Uint8Array(100_000);
        chunks.push(new WeakRef(chunk));
        yield chunk;
      }
    }
    let alive = 0;
    let seen = 0;
    for await (const chunk of abortable(source(), new AbortController().signal)) {
      seen += chunk.length;
      if (chunks.length < 50) continue;
      // WeakRefs hold on until the end of the turn in which they were made or read.
      await new Promise(setImmediate);
      collectGarbage();
      alive = chunks.filter((reference) => reference.deref() !== undefined).length;
    }
    expect(seen).toBe(5_000_000);
    expect(alive).toBeLessThan(5);
  });

  it('ends when it is aborted between two chunks', async () => {
    const controller = new AbortController();
    const reading = (async () => {
      for await (const chunk of abortable(stream('a', 'b'), controller.signal)) {
        expect(String(chunk)).toBe('a');
        controller.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('closes its source when it is left, and lets its errors through', async () => {
    let isClosed = false;
    const failure = new Error('the source broke');
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield noise(1);
        throw failure;
      } finally {
        isClosed = true;
      }
    }
    const { signal } = new AbortController();
    for await (const chunk of abortable(source(), signal)) if (chunk.length > 0) break;
    expect(isClosed).toBe(true);
    await expect(readAll(abortable(source(), signal))).rejects.toBe(failure);
  });
});

describe('inChunks', () => {
  it('cuts and joins, and leaves the last one short', async () => {
    const lengths: number[] = [];
    for await (const chunk of inChunks(stream('ab', '', 'cdefg', 'h'), 3)) lengths.push(chunk.length);
    expect(lengths).toEqual([3, 3, 2]);
    expect(await readAll(inChunks(stream(), 3))).toHaveLength(0);
  });
});

describe('collect', () => {
  it('stops at its limit', async () => {
    const limit = () => new RangeError('too much');
    expect(String(await collect(stream('ab', 'c'), 3, limit))).toBe('abc');
    await expect(collect(stream('ab', 'cd'), 3, limit)).rejects.toThrow(RangeError);
  });
});
