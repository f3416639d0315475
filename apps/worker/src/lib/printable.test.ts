import { describe, expect, it } from 'vitest';

import { printableJson, printableLine, printableText, truncate } from './printable.ts';

describe('printableText', () => {
  it('keeps words of every script, tabs and newlines', () => {
    expect(printableText('a\tb\r\nc\n東京 é 👩‍💻')).toBe('a\tb\nc\n東京 é 👩‍💻');
  });

  it.each([
    ['a colour', '\u001b[31mred\u001b[0m', 'red'],
    ['a cleared screen', '\u001b[2J\u001b[Hx', 'x'],
    ['a window title', '\u001b]0;title\u0007x', 'x'],
    ['a link', '\u001b]8;;http://evil\u001b\\text\u001b]8;;\u001b\\', 'text'],
    ['an eight-bit sequence', '\u009b2Jx', 'x'],
    ['a lone escape', 'a\u001b', 'a'],
    ['a carriage return', 'safe\rEVIL', 'safeEVIL'],
    ['a backspace', 'a\u0008b', 'ab'],
    ['a bell', '\u0007a', 'a'],
    ['text that turns around', 'a\u202egpj.exe', 'agpj.exe'],
    ['an isolate', 'a\u2066b\u2069', 'ab'],
    ['a delete', 'a\u007fb', 'ab'],
  ])('takes out %s', (_, text, expected) => {
    expect(printableText(text)).toBe(expected);
  });

  it('leaves nothing that a terminal acts on, whatever comes in', () => {
    let state = 42;
    const next = (limit: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state % limit;
    };
    const pieces = [
      '\u001b',
      '[',
      ']',
      '0;',
      'm',
      'J',
      '\u0007',
      '\u009b',
      '\\',
      'P',
      '\u0090',
      'x',
      '\r',
      '\n',
      '\u001b\u001b',
    ];
    for (let round = 0; round < 5000; round += 1) {
      const text = Array.from({ length: next(12) }, () => pieces[next(pieces.length)]).join('');
      // eslint-disable-next-line no-control-regex
      expect(printableText(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    }
  });
});

describe('printableLine', () => {
  it('makes one line of many', () => {
    expect(printableLine('  a\n\n b\tc  ')).toBe('a b c');
  });
  it('cuts what is too long', () => {
    expect(printableLine('x'.repeat(10_000_000))).toBe(`${'x'.repeat(399)}…`);
  });
});

describe('truncate', () => {
  it('counts characters, not halves of them', () => {
    expect(truncate('👍👍👍', 3)).toBe('👍👍👍');
    expect(truncate('👍👍👍', 2)).toBe('👍…');
    expect(truncate('abc', 0)).toBe('…');
  });
});

describe('printableJson', () => {
  it('keeps the value and shows nothing that a terminal acts on', () => {
    const value = { text: '\u001b[2J\u009b31m\u202e\u2028\u007f é' };
    const json = printableJson(value);
    expect(JSON.parse(json)).toEqual(value);
    // eslint-disable-next-line no-control-regex
    expect(json).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
  });
});
