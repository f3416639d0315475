import { describe, expect, it } from 'vitest';

import { createFrameReader } from './follow-frames.ts';

const output = Buffer.concat([
  Buffer.from('.\nF 10 4 6\nab\ncd\nF 10 10 0\n'),
  Buffer.from('F 13 10 3\n\n\0\xff', 'latin1'),
  Buffer.from('S\nT\n'),
]);

describe('createFrameReader', () => {
  it.each([1, 2, 3, 7, 1000])('takes output in pieces of %i bytes apart', (size) => {
    const read = createFrameReader();
    const frames = [];
    for (let from = 0; from < output.length; from += size) frames.push(...read(output.subarray(from, from + size)));
    const bytes = frames.map((frame) => (frame.kind === 'bytes' ? Buffer.from(frame.bytes).toString('latin1') : ''));
    expect(bytes.join('')).toBe('ab\ncd\n\n\0\xff');
    expect(frames.filter(({ kind }) => kind !== 'bytes')).toEqual([
      { kind: 'alive' },
      { kind: 'begin', size: 10, start: 4 },
      { kind: 'begin', size: 10, start: 10 },
      { kind: 'begin', size: 13, start: 10 },
      { kind: 'same' },
      { kind: 'shrunk' },
    ]);
  });

  it.each(['Welcome to build-3!\n', 'F 1 2\n', 'F 1 2 -3\n', 'F 1 2 3 4\n', 'x'.repeat(101)])('refuses %j', (text) => {
    expect(() => createFrameReader()(Buffer.from(text))).toThrow(SyntaxError);
  });
});
