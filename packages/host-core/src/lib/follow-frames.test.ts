import { describe, expect, it } from 'vitest';

import { createFrameReader } from './follow-frames.ts';

const fill = (bytes: number): Buffer => Buffer.alloc(bytes);
const output = Buffer.concat([
  Buffer.from('E\nF 1 10 4 6\nab\ncd\n'),
  fill(506),
  Buffer.from('F 2 10 10 0\n'),
  Buffer.from('F 1 13 10 3\n\n\0\xff', 'latin1'),
  fill(509),
  Buffer.from(`F 6 1024 0 512\n`),
  Buffer.alloc(512, 'x'),
  Buffer.from('S 2\nT 3\nX 4 137 lease\nX 5 lost\nE\n'),
]);

describe('createFrameReader', () => {
  it.each([1, 2, 3, 7, 1000])('takes output in pieces of %i bytes apart', (size) => {
    const read = createFrameReader(512);
    const frames = [];
    for (let from = 0; from < output.length; from += size) frames.push(...read(output.subarray(from, from + size)));
    const bytes = frames.map((frame) => (frame.kind === 'bytes' ? Buffer.from(frame.bytes).toString('latin1') : ''));
    expect(bytes.join('')).toBe(`ab\ncd\n\n\0\xff${'x'.repeat(512)}`);
    expect(frames.flatMap((frame) => (frame.kind === 'bytes' ? [frame.id] : []))).not.toContain(2);
    expect(frames.filter(({ kind }) => kind !== 'bytes')).toEqual([
      { kind: 'end' },
      { kind: 'begin', id: 1, size: 10, start: 4, length: 6 },
      { kind: 'begin', id: 2, size: 10, start: 10, length: 0 },
      { kind: 'begin', id: 1, size: 13, start: 10, length: 3 },
      { kind: 'begin', id: 6, size: 1024, start: 0, length: 512 },
      { kind: 'same', id: 2 },
      { kind: 'shrunk', id: 3 },
      { kind: 'exit', id: 4, code: '137', isLease: true },
      { kind: 'lost', id: 5 },
      { kind: 'end' },
    ]);
  });

  it.each([
    'Welcome to build-3!\n',
    'F 1 20 0 11\n',
    'F 1 2\n',
    'F 1 2 -3 4\n',
    'F 1 2 3 4 5\n',
    'S\n',
    'E 1\n',
    'X 1\n',
    'X 1 2 3\n',
    'x'.repeat(101),
  ])('refuses %j', (text) => {
    expect(() => createFrameReader(10)(Buffer.from(text))).toThrow(SyntaxError);
  });
});
