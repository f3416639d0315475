import { describe, expect, it } from 'vitest';

import type { Bytes } from './host.ts';
import { readTar } from './read-tar.ts';
import { gather, writeTar } from './tar-writer.ts';
import type { TarMember } from './tar-writer.ts';

async function* bytes(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* chunks;
}

async function collect(stream: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const file = (name: string, content: string): TarMember => ({
  type: 'file',
  name: Buffer.from(name, 'latin1'),
  mode: 0o640,
  modifiedSeconds: 1_700_000_000,
  sizeBytes: content.length,
  content: Buffer.from(content),
});

describe('writeTar', () => {
  it('writes what readTar reads: any name, any length, any bytes', async () => {
    const names = ['a', 'x'.repeat(100), 'x'.repeat(101), `${'d/'.repeat(200)}\xff\xfe`, 'line\nbreak'];
    const members = names.flatMap((name, index) => [
      file(name, 'c'.repeat(index * 300)),
      { ...file(`${name}.link`, ''), type: 'symlink' as const, target: Buffer.from(name, 'latin1') },
    ]);
    const read: unknown[] = [];
    for await (const entry of readTar(writeTar(members))) {
      const content = await collect(entry.content);
      read.push([entry.type, entry.name, entry.target, content.byteLength, entry.mode, entry.modifiedSeconds]);
    }
    expect(read).toEqual(
      names.flatMap((name, index) => [
        ['file', name, '', index * 300, 0o640, 1_700_000_000],
        ['symlink', `${name}.link`, name, 0, 0o640, 1_700_000_000],
      ]),
    );
  });

  it.each([[-5], [Number.NaN], [2 ** 40]])('survives a time of %d', async (modifiedSeconds) => {
    for await (const entry of readTar(writeTar([{ ...file('a', ''), modifiedSeconds }]))) expect(entry.name).toBe('a');
  });

  it('writes sizes above 8 GiB so that readers take them', async () => {
    const header = writeTar([{ ...file('big', ''), sizeBytes: 2 ** 35 + 1, content: bytes() }]);
    const { value } = await header.next();
    expect(Buffer.from(value as Uint8Array).readBigUInt64BE(128)).toBe(2n ** 35n + 1n);
    await expect(collect(header)).rejects.toThrow(RangeError);
  });

  it('refuses content that is shorter or longer than announced', async () => {
    for (const sizeBytes of [2, 4]) {
      await expect(collect(writeTar([{ ...file('a', 'abc'), sizeBytes }]))).rejects.toThrow(RangeError);
    }
  });
});

describe('readTar', () => {
  it('skips content that nobody reads', async () => {
    const names: string[] = [];
    const members = ['a', 'b', 'c'].map((name) => file(name, 'x'.repeat(200_000)));
    for await (const entry of readTar(gather(writeTar(members)))) names.push(entry.name);
    expect(names).toEqual(['a', 'b', 'c']);
  });

  it('closes its source when its reader stops', async () => {
    let isClosed = false;
    async function* endless(): AsyncGenerator<Uint8Array, void, void> {
      try {
        yield await collect(writeTar([file('a', 'x')]));
        for (;;) yield Buffer.alloc(512);
      } finally {
        isClosed = true;
      }
    }
    const source = endless();
    for await (const entry of readTar(source)) {
      expect(entry.name).toBe('a');
      break;
    }
    await expect.poll(() => isClosed).toBe(true);
  });

  it('refuses what is cut short, and passes on the error of its source', async () => {
    const whole = await collect(writeTar([file('a', 'x'.repeat(5000))]));
    const read = async (source: Bytes): Promise<void> => {
      for await (const entry of readTar(source)) await collect(entry.content);
    };
    await expect(read(bytes(whole.subarray(0, 3000)))).rejects.toMatchObject({ code: 'ARCHIVE_REFUSED' });
    await expect(read(bytes(Buffer.alloc(600, 'x')))).rejects.toMatchObject({ code: 'ARCHIVE_REFUSED' });
    const failure = new Error('mine');
    async function* failing(): AsyncGenerator<Uint8Array, void, void> {
      yield whole.subarray(0, 3000);
      throw failure;
    }
    await expect(read(failing())).rejects.toBe(failure);
  });
});

describe('gather', () => {
  it('changes no byte and makes chunks of at least the size', async () => {
    const chunks: number[] = [];
    const parts = Array.from({ length: 10 }, (_, index) => Buffer.alloc(30, index));
    const all: Uint8Array[] = [];
    for await (const chunk of gather(bytes(...parts), 100)) {
      chunks.push(chunk.byteLength);
      all.push(chunk);
    }
    expect(chunks).toEqual([120, 120, 60]);
    expect(Buffer.concat(all)).toEqual(Buffer.concat(parts));
  });
});
