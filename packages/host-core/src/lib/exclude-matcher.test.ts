import { describe, expect, it } from 'vitest';

import { DEFAULT_EXCLUDES, createExcludeMatcher, hostExcludes } from './exclude-matcher.ts';

describe('DEFAULT_EXCLUDES', () => {
  it('holds the six patterns of the original', () => {
    expect(DEFAULT_EXCLUDES).toEqual(['.git', 'node_modules', '__pycache__', '.venv', '*.pyc', '.DS_Store']);
  });
});

describe('createExcludeMatcher', () => {
  it.each<[string, string, boolean, boolean]>([
    // pattern, path, is it a directory, is it left out
    ['node_modules', 'node_modules', true, true],
    ['node_modules', 'a/node_modules/b/c', false, true],
    ['node_modules', 'a/my_node_modules', true, false],
    ['*.pyc', 'a/b.pyc', false, true],
    ['*.pyc', 'a/b.pyc.txt', false, false],
    ['*.pyc', 'a.pyc/b', false, true],
    ['log/', 'log', true, true],
    ['log/', 'log', false, false],
    ['log/', 'a/log/x', false, true],
    ['a/log/', 'a/log/x', false, true],
    ['a/log/', 'b/a/log/x', false, false],
    ['a/b', 'a/b', false, true],
    ['a/b', 'a/b/c', false, true],
    ['a/b', 'x/a/b', false, false],
    ['a/*', 'a/b/c', false, true],
    ['*', 'a', false, true],
    ['?', 'é', false, true],
    ['?', 'ab', false, false],
    ['[a-c]x', 'bx', false, true],
    ['[!a-c]x', 'bx', false, false],
    ['[!a-c]x', 'dx', false, true],
    ['[]]x', ']x', false, true],
    ['[^a]x', '^x', false, true],
    ['[^a]x', 'bx', false, false],
    ['[z-a]', 'm', false, false],
    ['a[b', 'a[b', false, true],
    ['a.b', 'aXb', false, false],
    ['(x)+$', '(x)+$', false, true],
    ['a\nb', 'a\nb', false, true],
    ['a*b', 'a\nb', false, true],
  ])('with %j: %j (directory: %j) is left out: %j', (pattern, path, isDirectory, expected) => {
    expect(createExcludeMatcher([pattern])(path, isDirectory)).toBe(expected);
  });

  it('answers for one path whatever it was asked before', () => {
    const isExcluded = createExcludeMatcher(['x', 'deep/a']);
    expect(['x/1', 'y/1', 'x/2', 'deep/a/b/c', 'deep/b', 'deep/a/d'].map((path) => isExcluded(path, false))).toEqual([
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
  });
});

describe('hostExcludes', () => {
  it('gives away only patterns that every tar reads alike', () => {
    const patterns = [
      'node_modules',
      '*.pyc',
      'cache*',
      'a/b',
      'log/',
      '*a*',
      'a*b',
      '?',
      '[a]',
      'x y',
      '.',
      '..',
      '$x',
      '*',
    ];
    expect(hostExcludes(patterns)).toEqual(['node_modules', '*.pyc', 'cache*']);
  });
});
