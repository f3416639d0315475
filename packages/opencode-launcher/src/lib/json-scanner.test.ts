import { describe, expect, it } from 'vitest';

import { createJsonScanner } from './json-scanner.ts';
import type { ScannedValue } from './json-scanner.ts';

function scan(text: string | Uint8Array, depth = 3, chunkSize = Infinity): ScannedValue[] {
  const values: ScannedValue[] = [];
  const scanner = createJsonScanner(depth, (value) => values.push(value));
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for (let start = 0; start < bytes.length; start += Math.min(chunkSize, bytes.length)) {
    scanner.write(bytes.subarray(start, Math.min(start + chunkSize, bytes.length)));
  }
  scanner.end();
  return values;
}

const sample = JSON.stringify({
  info: { id: 'ses_1', title: 'quote " backslash \\ é ☃' },
  messages: [{ a: [1, -2.5e3, true, null] }, {}, []],
  optio: { children: [{ x: '}' }, { y: '[' }] },
});

describe('createJsonScanner', () => {
  it.each([1, 2, 3, 7, 64, Infinity])('finds the same values in pieces of %d bytes', (chunkSize) => {
    const bytes = Buffer.from(sample);
    for (const { start, end, path } of scan(sample, 4, chunkSize)) {
      let value: unknown = JSON.parse(sample);
      for (const key of path) value = (value as Record<string | number, unknown>)[key];
      expect(JSON.parse(bytes.subarray(start, end).toString())).toEqual(value);
    }
    expect(scan(sample, 4, chunkSize)).toEqual(scan(sample, 4));
  });

  it('tells texts, kinds and paths', () => {
    const values = scan(sample);
    expect(values.find(({ path }) => path.join('/') === 'info/title')).toMatchObject({
      kind: 'string',
      text: 'quote " backslash \\ é ☃',
    });
    expect(values.filter(({ path }) => path.join('/').startsWith('optio/children/')).map(({ path }) => path)).toEqual([
      ['optio', 'children', 0],
      ['optio', 'children', 1],
    ]);
    expect(values.at(-1)).toMatchObject({ path: [], kind: 'object', start: 0, end: Buffer.byteLength(sample) });
  });

  it('reports nothing deeper than asked', () => {
    expect(Math.max(...scan(sample, 1).map(({ path }) => path.length))).toBe(1);
  });

  it('refuses every cut of a text', () => {
    const bytes = Buffer.from(sample);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => scan(bytes.subarray(0, length)), `cut at ${length}`).toThrow(SyntaxError);
    }
  });

  it.each([
    '{"a":1}{"b":2}',
    '{"a" 1}',
    '{"a":1,}',
    '[1,]',
    '[1 2]',
    '{"a":1]',
    '{a:1}',
    '{"a":nul}',
    '[01]',
    '"a\nb"',
    ']',
    '[,1]',
    '{,}',
    ' ',
  ])('refuses %j', (text) => {
    expect(() => scan(text)).toThrow(SyntaxError);
  });

  it.each(['{}', '[]', ' [ ] ', '"x"', 'null', '-0.5e+3', '{"a":{}}', '[[[1]]]\n'])('takes %j', (text) => {
    expect(scan(text).at(-1)).toMatchObject({ path: [] });
  });

  it('holds no long texts', () => {
    const values = scan(JSON.stringify({ a: 'x'.repeat(5000), ['k'.repeat(5000)]: 1 }));
    expect(values.find(({ path }) => path[0] === 'a')?.text).toBeUndefined();
  });

  it('refuses to be nested without end', () => {
    expect(() => scan('['.repeat(100_000))).toThrow('Nested too deeply');
  });
});
