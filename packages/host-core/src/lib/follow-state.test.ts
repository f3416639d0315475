import { describe, expect, it } from 'vitest';

import { createFollowState } from './follow-state.ts';
import type { CreateFollowStateOptions, FollowState } from './follow-state.ts';

interface Follower {
  readonly state: FollowState;
  /** Looks at the file as the script does, `piece` bytes at a time; returns the lines, each with its generation. */
  readonly look: (content: string, piece?: number) => readonly string[];
}

function follower(options: Partial<CreateFollowStateOptions> = {}): Follower {
  const state = createFollowState({ offset: 0, generation: 0, maxLineBytes: 1000, ...options });
  const look = (content: string, piece = 1000): readonly string[] => {
    const bytes = Buffer.from(content);
    const { offset, overlap } = state.request();
    const start = Math.max(0, offset - overlap);
    if (bytes.length < offset || state.beginFrame(bytes.length, start) === 'rewritten') {
      state.restart();
      return look(content, piece);
    }
    const lines: string[] = [];
    for (let from = start; from < bytes.length; from += piece) {
      const found = state.push(bytes.subarray(from, from + piece));
      if (found === 'rewritten') {
        state.restart();
        return look(content, piece);
      }
      lines.push(...found.map(({ generation, line }) => `${generation}:${line}`));
    }
    return lines;
  };
  return { state, look };
}

describe('createFollowState', () => {
  it('delivers what is appended, once', () => {
    const { look } = follower();
    expect(look('a\nb')).toEqual(['0:a']);
    expect(look('a\nb')).toEqual([]);
    expect(look('a\nbc\n\nd\n')).toEqual(['0:bc', '0:', '0:d']);
  });

  it('says where lines begin and end, so that one can go on from there', () => {
    const state = createFollowState({ offset: 0, generation: 3, maxLineBytes: 2 });
    state.beginFrame(8, 0);
    expect(state.push(Buffer.from('abc\nä\nx'))).toEqual([
      { line: 'ab', generation: 3, offset: 0, nextOffset: 4, isTruncated: true, fingerprint: 'all-4788814e' },
      { line: 'ä', generation: 3, offset: 4, nextOffset: 7, isTruncated: false, fingerprint: 'all-fde9636d' },
    ]);
  });

  it.each([1, 2, 3, 1000])('sees the same in pieces of %i bytes', (piece) => {
    const { look } = follower();
    expect(look('a\nb\nc\n', piece)).toEqual(['0:a', '0:b', '0:c']);
    expect(look('a\nb\nX\nd\n', piece)).toEqual(['1:X', '1:d']);
    expect(look('a\n', piece)).toEqual([]);
    expect(look('a\nb\nX\ne\n', piece)).toEqual(['2:e']);
  });

  it.each([
    ['written anew with more at its end', 'a\nb\nc\nd\n', ['0:d']],
    ['rewritten in its last line', 'a\nb\nC\n', ['1:C']],
    ['rewritten in its first line', 'A\nb\nc\n', ['1:A', '1:b', '1:c']],
    ['cut', 'a\n', []],
    ['emptied', '', []],
    ['cut in the middle of a line', 'a\nb', []],
    ['cut and appended to', 'a\nx\n', ['1:x']],
    ['shortened by a line in the middle', 'a\nc\n', ['1:c']],
    ['replaced', 'x\n', ['1:x']],
    ['begun with a line more', '0\na\nb\nc\n', ['1:0', '1:a', '1:b', '1:c']],
    ['begun with an empty line', '\na\nb\nc\n', ['1:', '1:a', '1:b', '1:c']],
  ])('loses and doubles nothing of a file that was %s', (_, content, lines) => {
    const { look } = follower();
    look('a\nb\nc\n');
    expect(look(content)).toEqual(lines);
  });

  it('waits with the lines in common while a file is written anew slowly', () => {
    const { look } = follower();
    look('a\nb\nc\n');
    expect(look('')).toEqual([]);
    expect(look('a\nb')).toEqual([]);
    expect(look('a\nb\nc\n')).toEqual([]);
    expect(look('a\nb\nc\nd\n')).toEqual(['1:d']);
  });

  it('compares only the lines of the last generation', () => {
    const { look } = follower();
    look('a\nb\n');
    expect(look('x\n')).toEqual(['1:x']);
    expect(look('a\nb\n')).toEqual(['2:a', '2:b']);
  });

  it('goes on after a partial line that was flushed', () => {
    const { state, look } = follower();
    look('a\nhalf');
    expect(state.hasPartialLine).toBe(true);
    expect(state.flush()).toMatchObject({ line: 'half', offset: 2, nextOffset: 6 });
    expect(state.flush()).toBeUndefined();
    expect(look('a\nhalf\nb\n')).toEqual(['0:b']);
    expect(look('a\nhalf\nb\nmore')).toEqual([]);
    state.flush();
    expect(look('a\nhalf\nb\nmore of it\n')).toEqual(['0: of it']);
    expect(look('a\nhalf\nX\n')).toEqual(['1:X']);
  });

  it('knows a flushed line again in a rewritten file', () => {
    const { state, look } = follower();
    look('a\nhalf');
    state.flush();
    expect(look('a\nhalf-done\n')).toEqual(['0:-done']);
    expect(look('')).toEqual([]);
    expect(look('a\nhalf-done\nb\n')).toEqual(['1:b']);
  });

  it.each([
    ['at a line', 2, 'a\nb\n', ['0:b']],
    ['in the middle of a line', 3, 'a\nbc\n', ['0:c']],
    ['at its end', 4, 'a\nb\n', []],
    ['at the end of a longer file than there is', 9, 'a\nb\n', ['1:a', '1:b']],
  ])('begins %s', (_, offset, content, lines) => {
    expect(follower({ offset }).look(content)).toEqual(lines);
  });

  it('knows the lines before the place it began at', () => {
    const { look } = follower({ offset: 4, generation: 5 });
    expect(look('a\nb\n')).toEqual([]);
    expect(look('a\nX\n')).toEqual(['6:X']);
  });

  it('waits also when the file is written anew once more before it was whole', () => {
    const { look } = follower();
    look('a\nb\nc\n');
    expect(look('a\n')).toEqual([]);
    expect(look('')).toEqual([]);
    expect(look('a\nb\n')).toEqual([]);
    expect(look('')).toEqual([]);
    expect(look('a\nb\nc\nd\n').map((line) => line.slice(-1))).toEqual(['d']);
  });

  it('does not hear a line again from which a tool took its line break', () => {
    const { state, look } = follower();
    look('a\nb\n');
    look('a\nb');
    expect(state.flush()).toBeUndefined();
    expect(look('a\nb\n')).toEqual([]);
    look('a\nb');
    expect(state.flush()).toBeUndefined();
    expect(look('a\nbc\n').map((line) => line.slice(-2))).toEqual(['bc']);
  });

  const lastOf = (content: string): { offset: number; generation: number; fingerprint: string } => {
    const state = createFollowState({ offset: 0, generation: 2, maxLineBytes: 1000 });
    state.beginFrame(Buffer.byteLength(content), 0);
    const lines = state.push(Buffer.from(content));
    const {
      nextOffset: offset = 0,
      generation = 0,
      fingerprint = '',
    } = (lines === 'rewritten' ? [] : lines).at(-1) ?? {};
    return { offset, generation, fingerprint };
  };

  it.each([
    ['is the one that was read', 'a\nb\nc\n', ['2:c']],
    ['is another one', 'x\ny\nz\n', ['3:x', '3:y', '3:z']],
    ['is another one as long as what was read', 'x\ny\n', ['3:x', '3:y']],
    ['is a shorter one', 'x\n', ['3:x']],
  ])('knows by the fingerprint whether a file %s', (_, content, lines) => {
    for (const piece of [1, 1000]) expect(follower(lastOf('a\nb\n')).look(content, piece)).toEqual(lines);
  });

  it('knows a long file by the end of what was read', () => {
    const long = `${'x'.repeat(99)}\n`.repeat(20_000);
    const position = lastOf(long);
    expect(position.fingerprint).toMatch(/^end-/);
    expect(follower(position).look(`${long}new\n`, 3000)).toEqual(['2:new']);
    const other = `${long.slice(0, -2)}y\nnew\n`;
    expect(follower(position).look(other, 3000)).toHaveLength(20_001);
    expect(lastOf(long).fingerprint).not.toBe(lastOf(other).fingerprint);
  });

  it('does not take the lines of a file that it has not recognised for heard', () => {
    const { look } = follower(lastOf('a\nb\n'));
    expect(look('x\n')).toEqual(['3:x']);
    const second = follower({ ...lastOf('a\nb\n'), fingerprint: 'all-00000000' });
    expect(second.look('a\nb\nc\n')).toEqual(['3:a', '3:b', '3:c']);
  });

  it('takes a long file that it did not read for what it was', () => {
    const long = `${'x'.repeat(99)}\n`.repeat(20_000);
    const { state, look } = follower({ offset: long.length });
    expect(state.request()).toEqual({ offset: long.length, overlap: 4096 });
    expect(look(`${long}new\n`)).toEqual(['0:new']);
    expect(look(`${long}new\n`.replace('new', 'NEW'))[20_000]).toBe('1:NEW');
  });
});
