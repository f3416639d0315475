import { describe, expect, it } from 'vitest';

import { checkHardLink, checkLinkTarget, checkMemberName, checkNotBeneathLink } from './archive-member.ts';

const refusal = expect.objectContaining({ code: 'ARCHIVE_REFUSED' });

describe('checkMemberName', () => {
  it.each([
    ['./a/b', 'a/b'],
    ['a//b/', 'a/b'],
    ['./', ''],
    ['..a/b..', '..a/b..'],
  ])('takes %j as %j', (name, expected) => {
    expect(checkMemberName(name)).toBe(expected);
  });

  it.each(['/a', '../a', 'a/../b', 'a/..', '..', 'a\0b'])('refuses %j', (name) => {
    expect(() => checkMemberName(name)).toThrow(refusal);
  });

  it('names the member, undecoded bytes and all', () => {
    expect(() => checkMemberName(Buffer.from('../ü').toString('latin1'))).toThrow('"../ü"');
  });
});

describe('checkLinkTarget', () => {
  it.each([
    ['l', 'a'],
    ['l', './a/b'],
    ['d/l', '../a'],
    ['d/e/l', '../../a'],
    ['d/l', '..'],
    ['l', '..a'],
    ['l', '.'],
  ])('lets %j lead to %j', (name, target) => {
    expect(() => checkLinkTarget(name, target)).not.toThrow();
  });

  it.each([
    ['l', '/etc'],
    ['l', '..'],
    ['d/l', '../../a'],
    ['d/l', './.././../a'],
    // Were `d` a link itself, this would lead somewhere else than it seems.
    ['a/l', 'd/../b'],
  ])('refuses that %j leads to %j', (name, target) => {
    expect(() => checkLinkTarget(name, target)).toThrow(refusal);
  });
});

describe('checkHardLink', () => {
  it('takes names of the archive and nothing else', () => {
    expect(checkHardLink('a', './b/c')).toBe('b/c');
    for (const target of ['/b', '../b', 'b/../c', '', '.', 'a'])
      expect(() => checkHardLink('a', target)).toThrow(refusal);
  });
});

describe('checkNotBeneathLink', () => {
  it('refuses a member below a link, however deep', () => {
    const links = new Set(['a/b']);
    expect(() => checkNotBeneathLink('a/b', links)).not.toThrow();
    expect(() => checkNotBeneathLink('a/bc/d', links)).not.toThrow();
    expect(() => checkNotBeneathLink('a/b/c/d', links)).toThrow(refusal);
  });
});
