import { describe, expect, it } from 'vitest';

import { shellJoin, shellQuote, shellScript } from './script.ts';

describe('shellScript', () => {
  it('keeps parameters out of the text', () => {
    expect(shellScript('echo "$1"', '$(reboot)')).toEqual(['sh', '-c', 'echo "$1"', 'sh', '$(reboot)']);
  });
});

describe('shellQuote', () => {
  it.each([
    ['plain/path-1.txt', 'plain/path-1.txt'],
    ['', "''"],
    ['two words', "'two words'"],
    ["it's", "'it'\\''s'"],
    ['~', "'~'"],
    ['a\nb', "'a\nb'"],
    ['$HOME', "'$HOME'"],
    ['ü', "'ü'"],
  ])('quotes %j as %j', (word, quoted) => {
    expect(shellQuote(word)).toBe(quoted);
  });
});

describe('shellJoin', () => {
  it('quotes a first word that a shell would read as an assignment or a reserved word', () => {
    expect(shellJoin(['A=1', 'A=1'])).toBe("'A=1' A=1");
    expect(shellJoin(['if', '/x'])).toBe("'if' /x");
  });
});
