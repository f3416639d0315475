import { describe, expect, it } from 'vitest';

import { composeDocumentation } from './documentation.ts';
import { KEYWORDS } from './keywords.ts';
import { createLogProtocol } from './log-protocol.ts';

const MODES = ['ignore', 'suppress', 'redirect'] as const;

/** What stands for something in a form, what may be there, and what is read then. */
const FILLINGS: readonly (readonly [placeholder: string, text: string, value: unknown])[] = [
  ['<percent>', '7', 7],
  ['<what you are doing>', 'x y', 'x y'],
  ['<path of the file>', 'd/x y', 'd/x y'],
  ['<summary>', 'x y', 'x y'],
  ['<reason>', 'x y', 'x y'],
  ['<url>', 'https://a.b/', 'https://a.b/'],
  ['<what you need>', 'x y', 'x y'],
  ['<keyword>', 'invoice', 'invoice'],
  ['<JSON>', '{"a":[1]}', { a: [1] }],
];

const fill = (form: string): string =>
  FILLINGS.reduce((text, [placeholder, filling]) => text.replace(placeholder, filling), form);

describe('composeDocumentation', () => {
  for (const browser of MODES) {
    const text = composeDocumentation(browser);

    it(`teaches every keyword in ${browser} mode, and BROWSER only in redirect mode`, () => {
      for (const word of ['STATUS:', 'DELIVERABLE:', 'DONE', 'ERROR', 'ATTENTION:', 'DOMAIN_MESSAGE:']) {
        expect(text).toContain(word);
      }
      expect(text.includes('BROWSER:')).toBe(browser === 'redirect');
    });

    it(`says that there is no browser only when that is so (${browser})`, () => {
      expect(text.includes('impossible to launch a browser')).toBe(browser === 'suppress');
    });

    it(`names files, sections and the final newline in ${browser} mode`, () => {
      for (const phrase of [
        './optio.log',
        './deliverables/',
        '## Log channel\n',
        '## Deliverables\n',
        'newline',
        'tail -c 1',
      ]) {
        expect(text).toContain(phrase);
      }
    });

    it(`names no project in ${browser} mode`, () => {
      expect(text.replaceAll('optio.log', '')).not.toMatch(/optio|opencode/i);
    });

    it(`shows no entry in ${browser} mode that is not one`, () => {
      const protocol = createLogProtocol({ browser });
      const shown = [...text.matchAll(/```log\n([^]*?)\n```/g)].flatMap(([, block]) => block?.split('\n') ?? []);
      expect(shown.length).toBeGreaterThan(7);
      for (const line of shown) expect(protocol.parseLine(line).type, line).not.toBe('unknown');
    });

    it(`shows a command in ${browser} mode that appends one whole entry`, () => {
      const commands = [...text.matchAll(/```sh\n([^]*?)\n```/g)].map(([, command]) => command ?? '');
      expect(commands).toHaveLength(1);
      const [, line = ''] = /^printf '%s\\n' '([^']*)' >> \.\/optio\.log$/.exec(commands[0] ?? '') ?? [];
      const entry = { type: 'status', percent: 10, message: 'reading the source' };
      expect(createLogProtocol({ browser }).parseLine(line)).toEqual(entry);
    });

    it(`names the keywords of ${browser} mode, and no other`, () => {
      const [, list = ''] = /one of ((?:`[A-Z_]+`(?:, )?)+)\./.exec(text) ?? [];
      const known = KEYWORDS.filter(({ modes }) => modes.includes(browser)).map(({ name }) => `\`${name}\``);
      expect(list.split(', ')).toEqual(known);
    });

    it(`writes each form in ${browser} mode as an entry is written, with and without what is optional`, () => {
      const protocol = createLogProtocol({ browser });
      const forms = [...text.matchAll(/^### `(.*)`$/gm)].map(([, form]) => form ?? '');
      expect(forms.length).toBe(KEYWORDS.filter(({ modes }) => modes.includes(browser)).length);
      for (const form of forms) {
        const [type] = KEYWORDS.filter((keyword) => keyword.form === form).map(
          ({ examples }) => examples[0]?.entry.type,
        );
        const whole = fill(form.replaceAll(/[[\]]/g, ''));
        const entry = protocol.parseLine(whole);
        expect(entry.type, whole).toBe(type);
        // Nothing of the form is taken for a part of what stands in it.
        const values = Object.entries(entry).flatMap(([key, value]) => (key === 'type' ? [] : [value as unknown]));
        const expected = Object.values(FILLINGS)
          .filter(([word]) => form.includes(word))
          .map(([, , value]) => value);
        expect(values, whole).toEqual(expected);
        expect(protocol.parseLine(fill(form.replaceAll(/\[[^\]]*\] ?/g, ''))).type).toBe(type);
      }
    });
  }
});
