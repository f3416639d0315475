import { describe, expect, it } from 'vitest';

import { createLineBuffer } from './line-buffer.ts';

function endOf(parts: readonly (string | readonly number[])[], maxLineBytes = 1000): object | undefined {
  const buffer = createLineBuffer(5, maxLineBytes);
  for (const part of parts) buffer.add(typeof part === 'string' ? Buffer.from(part) : Uint8Array.from(part));
  return buffer.end(100);
}

describe('createLineBuffer', () => {
  it.each([
    ['a line', ['ab\n'], 'ab'],
    ['a line in pieces', ['a', 'b', '\n'], 'ab'],
    ['an empty line', ['\n'], ''],
    ['a carriage return before the line break', ['ab\r\n'], 'ab'],
    ['no other carriage return', ['a\rb\r\r\n'], 'a\rb\r'],
    ['a character in two pieces', [[0xc3], [0xa4, 10]], 'ä'],
    ['bytes that are no UTF-8', [[0x61, 0xff, 10]], 'a\ufffd'],
    ['a byte order mark', ['\ufeffa\n'], '\ufeffa'],
    ['NUL', ['a\0b\n'], 'a\0b'],
  ])('reads %s', (_, parts, line) => {
    expect(endOf(parts)).toEqual({ line, offset: 5, isTruncated: false });
  });

  it.each([
    [['abcdef\n'], 3, 'abc'],
    [['ab', 'cd', 'ef\n'], 3, 'abc'],
    [['aää\n'], 4, 'aä'],
    [['a\u{1f600}\n'], 4, 'a'],
    [['aä\n'], 3, 'aä'],
    [['abc\n'], 0, ''],
  ])('cuts %j at %i bytes, never in the middle of a character', (parts, maxLineBytes, line) => {
    expect(endOf(parts, maxLineBytes)).toMatchObject({ line, isTruncated: line !== 'aä' || maxLineBytes === 4 });
  });

  it('ends nothing with the line break after a partial line', () => {
    const buffer = createLineBuffer(0, 10);
    buffer.add(Buffer.from('ab'));
    expect(buffer.end(2, { isPartial: true })).toEqual({ line: 'ab', offset: 0, isTruncated: false });
    buffer.add(Buffer.from('\n'));
    expect(buffer.end(3)).toBeUndefined();
    buffer.add(Buffer.from('\n'));
    expect(buffer.end(4)).toEqual({ line: '', offset: 3, isTruncated: false });
  });
});
