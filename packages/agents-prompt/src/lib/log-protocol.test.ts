import { describe, expect, it } from 'vitest';

import { MAX_LINE_LENGTH } from './clean-line.ts';
import { composeDocumentation } from './documentation.ts';
import { KEYWORDS } from './keywords.ts';
import { createLogProtocol } from './log-protocol.ts';

const redirect = createLogProtocol({ browser: 'redirect' });
const quiet = createLogProtocol({ browser: 'suppress' });

/** JSON so many levels deep. */
const nest = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('createLogProtocol', () => {
  it('ignores browsers unless asked', () => expect(createLogProtocol().browser).toBe('ignore'));

  it('keeps the mode it was given', () => {
    for (const browser of ['ignore', 'suppress', 'redirect'] as const) {
      expect(createLogProtocol({ browser }).browser).toBe(browser);
    }
  });

  it('refuses a mode it does not know', () => {
    // @ts-expect-error -- what an untyped caller may pass
    expect(() => createLogProtocol({ browser: 'open' })).toThrow(TypeError);
  });

  it('teaches what it reads: its documentation is that of its mode', () => {
    for (const browser of ['ignore', 'suppress', 'redirect'] as const) {
      expect(createLogProtocol({ browser }).documentation).toBe(composeDocumentation(browser));
    }
  });

  for (const { name, examples, modes } of KEYWORDS) {
    for (const { line, entry } of examples) {
      it(`parses the documented example ${line}`, () => {
        for (const browser of modes) {
          const protocol = createLogProtocol({ browser });
          expect(protocol.documentation).toContain(`\n${line}\n`);
          expect(protocol.parseLine(`${line}\n`)).toEqual(entry);
        }
      });
    }
    it(`has an example of ${name} and nothing of it in other modes`, () => {
      expect(examples.length).toBeGreaterThan(0);
      for (const browser of ['ignore', 'suppress', 'redirect'] as const) {
        if (!modes.includes(browser)) {
          expect(createLogProtocol({ browser }).documentation).not.toContain(`${name}:`);
        }
      }
    });
  }
});

describe('parseLine', () => {
  const cases: [line: string, entry: object][] = [
    ['STATUS: compiling', { type: 'status', percent: undefined, message: 'compiling' }],
    ['STATUS: 42% compiling', { type: 'status', percent: 42, message: 'compiling' }],
    ['STATUS: 0% starting', { type: 'status', percent: 0, message: 'starting' }],
    ['STATUS: 250% more than all', { type: 'status', percent: 100, message: 'more than all' }],
    ['STATUS: 1000% of it', { type: 'status', percent: undefined, message: '1000% of it' }],
    ['STATUS: 42%of it', { type: 'status', percent: undefined, message: '42%of it' }],
    ['STATUS:', { type: 'status', percent: undefined, message: '' }],
    ['STATUS:   ', { type: 'status', percent: undefined, message: '' }],
    ['STATUS: 50%', { type: 'status', percent: 50, message: '' }],
    ['STATUS:50%\r\n', { type: 'status', percent: 50, message: '' }],
    ['STATUS:\u00a07%\u3000half\u2003way\u00a0', { type: 'status', percent: 7, message: 'half\u2003way' }],
    ['STATUS: 7%\u001cx', { type: 'status', percent: 7, message: 'x' }],
    ['STATUS: one\u2028two\rthree', { type: 'status', percent: undefined, message: 'one two three' }],
    ['STATUS: \ufeffmark', { type: 'status', percent: undefined, message: '\ufeffmark' }],
    ['STATUS: \u001b[31mred\u001b[0m\u0007', { type: 'status', percent: undefined, message: 'red' }],
    ['STATUS: \u001b]0;title\u0007x\u009b1m', { type: 'status', percent: undefined, message: 'x1m' }],
    ['STATUS: half \ud83d', { type: 'status', percent: undefined, message: 'half \ufffd' }],
    ['DELIVERABLE: deliverables/a b.txt', { type: 'deliverable', path: 'deliverables/a b.txt' }],
    ['DELIVERABLE: /w/deliverables/a.txt', { type: 'deliverable', path: '/w/deliverables/a.txt' }],
    ['DELIVERABLE: a.txt \t ', { type: 'deliverable', path: 'a.txt' }],
    ['DELIVERABLE: ././/a.txt', { type: 'deliverable', path: 'a.txt' }],
    ['DELIVERABLE: ../a.txt', { type: 'deliverable', path: '../a.txt' }],
    ['DELIVERABLE: ./', { type: 'deliverable', path: '.' }],
    ['DONE', { type: 'done', summary: undefined }],
    ['DONE:', { type: 'done', summary: undefined }],
    ['DONE \t', { type: 'done', summary: undefined }],
    ['DONE\u001b(B\u001b[m\r', { type: 'done', summary: undefined }],
    ['STATUS: a\u001b(0b\u001b[0;1mc', { type: 'status', percent: undefined, message: 'abc' }],
    ['\u001bP1$r0m\u001b\\DONE', { type: 'done', summary: undefined }],
    ['STATUS: a\u001b_title\u0007b\u001b[', { type: 'status', percent: undefined, message: 'ab[' }],
    ['DONE: all green', { type: 'done', summary: 'all green' }],
    ['\0\0\0DONE', { type: 'done', summary: undefined }],
    ['\ufeffDONE', { type: 'done', summary: undefined }],
    ['\ufeff\ufeffDONE', { type: 'done', summary: undefined }],
    ['ERROR', { type: 'error', message: undefined }],
    ['ERROR: no token', { type: 'error', message: 'no token' }],
    ['BROWSER: "https://a.b/?q=1"', { type: 'browser', url: 'https://a.b/?q=1' }],
    ['BROWSER: https://a.b/', { type: 'browser', url: 'https://a.b/' }],
    ['BROWSER: "https://a.b/', { type: 'browser', url: '"https://a.b/' }],
    ['BROWSER: "https://a.b/"x"', { type: 'browser', url: 'https://a.b/"x' }],
    ['BROWSER: "https://a.b/" "x', { type: 'browser', url: '"https://a.b/" "x' }],
    ['ATTENTION: which one?', { type: 'attention', reason: 'which one?' }],
    ['DOMAIN_MESSAGE: invoice {"n":[1,null]}', { type: 'domain-message', keyword: 'invoice', data: { n: [1, null] } }],
    ['DOMAIN_MESSAGE: count 7', { type: 'domain-message', keyword: 'count', data: 7 }],
    ['DOMAIN_MESSAGE: nothing null', { type: 'domain-message', keyword: 'nothing', data: null }],
    ['', { type: 'unknown', text: '' }],
    ['a  plain note\twith a tab', { type: 'unknown', text: 'a  plain note\twith a tab' }],
    ['DONEXT: no', { type: 'unknown', text: 'DONEXT: no' }],
    // Only DONE and ERROR do without a colon.
    ...['STATUS', 'DELIVERABLE', 'BROWSER', 'ATTENTION', 'DOMAIN_MESSAGE'].map((text): [string, object] => [
      text,
      { type: 'unknown', text },
    ]),
    ['the work is DONE', { type: 'unknown', text: 'the work is DONE' }],
  ];
  for (const [line, entry] of cases) {
    it(`reads ${JSON.stringify(line)}`, () => expect(redirect.parseLine(line)).toStrictEqual(entry));
  }

  const nearMisses: [line: string, keyword: string][] = [
    ['DELIVERABLE:', 'DELIVERABLE'],
    ['BROWSER: ""', 'BROWSER'],
    ['ATTENTION: ', 'ATTENTION'],
    ['DOMAIN_MESSAGE: invoice {"n":', 'DOMAIN_MESSAGE'],
    ['DOMAIN_MESSAGE: invoice', 'DOMAIN_MESSAGE'],
    ['DOMAIN_MESSAGE: count NaN', 'DOMAIN_MESSAGE'],
    [`DOMAIN_MESSAGE: deep ${'['.repeat(500)}${']'.repeat(500)}`, 'DOMAIN_MESSAGE'],
    [`DOMAIN_MESSAGE: deep ${nest(65)}`, 'DOMAIN_MESSAGE'],
    [`DOMAIN_MESSAGE: deep ["\\"",${nest(64)}]`, 'DOMAIN_MESSAGE'],
    [`>${' '.repeat(70)} DONE.`, 'DONE'],
    [' DONE', 'DONE'],
    ['- **DONE**', 'DONE'],
    ['done.', 'DONE'],
    ['Status: 50% there', 'STATUS'],
    ['**Status:** 50% there', 'STATUS'],
    ['__Done__', 'DONE'],
    ['domain message: x {}', 'DOMAIN_MESSAGE'],
  ];
  for (const [line, resembles] of nearMisses) {
    it(`takes ${JSON.stringify(line.slice(0, 40))} for a note that resembles ${resembles}`, () =>
      expect(redirect.parseLine(line)).toStrictEqual({
        type: 'unknown',
        text: line.trimEnd(),
        resembles,
      }));
  }

  it('does not know BROWSER outside of redirect mode', () => {
    const line = 'BROWSER: https://a.b/';
    expect(quiet.parseLine(line)).toStrictEqual({ type: 'unknown', text: line });
    expect(quiet.parseLine('ATTENTION: x')).toEqual({ type: 'attention', reason: 'x' });
  });

  it('never takes a path, a URL or data that was cut for the whole', () => {
    const isTruncated = true;
    for (const line of ['DELIVERABLE: /a/b', 'BROWSER: https://a.b/', 'DOMAIN_MESSAGE: n 12']) {
      expect(redirect.parseLine(line, { isTruncated })).toStrictEqual({
        type: 'unknown',
        text: line,
      });
    }
    expect(redirect.parseLine('DONE: and mo', { isTruncated })).toEqual({
      type: 'done',
      summary: 'and mo',
    });
    expect(redirect.parseLine('ERROR: and mo', { isTruncated })).toEqual({ type: 'error', message: 'and mo' });
    expect(redirect.parseLine('ATTENTION: and mo', { isTruncated })).toEqual({ type: 'attention', reason: 'and mo' });
    expect(redirect.parseLine('STATUS: and mo', { isTruncated })).toMatchObject({ type: 'status', message: 'and mo' });
  });

  it('counts how deep JSON is by its own brackets, not by those in its texts', () => {
    for (const json of [nest(64), `[${nest(1)},${nest(63)},{},${nest(63)}]`, JSON.stringify(`\\"${'['.repeat(100)}`)]) {
      const entry = redirect.parseLine(`DOMAIN_MESSAGE: deep ${json}`);
      expect(entry).toEqual({ type: 'domain-message', keyword: 'deep', data: JSON.parse(json) as unknown });
    }
    const wide = `[${Array.from({ length: 100 }, () => '{"a":[]}').join()}]`;
    expect(redirect.parseLine(`DOMAIN_MESSAGE: wide ${wide}`).type).toBe('domain-message');
  });

  it('takes no longer for lines that are made to be slow', () => {
    // Backtracking took 13 s for the first of them, and 9 ms for each of the others.
    expect(redirect.parseLine(`${'\r'.repeat(65_535)}x`).type).toBe('unknown');
    for (let round = 0; round < 2000; round += 1) {
      for (const line of [`${'_'.repeat(79)}?`, `${' _'.repeat(39)}?x`, `${'a '.repeat(39)}?`]) {
        expect(redirect.parseLine(line)).not.toHaveProperty('resembles');
      }
    }
  });

  it('takes text and no bytes', () => {
    // @ts-expect-error -- what an untyped caller may pass
    expect(() => redirect.parseLine(Buffer.from('DONE'))).toThrow(/^parseLine takes a line as a string/);
  });

  it('cuts what is longer than a line may be', () => {
    const entry = redirect.parseLine(`STATUS: ${'x'.repeat(3 * MAX_LINE_LENGTH)}`);
    expect(entry.type === 'status' && entry.message.length).toBe(MAX_LINE_LENGTH - 'STATUS: '.length);
    const path = 'x'.repeat(MAX_LINE_LENGTH - 'DELIVERABLE: '.length);
    expect(redirect.parseLine(`DELIVERABLE: ${path}`)).toEqual({ type: 'deliverable', path });
    expect(redirect.parseLine(`DELIVERABLE: ${path}x`).type).toBe('unknown');
  });
});
