import { describe, expect, it } from 'vitest';

import { isInside } from './paths.ts';

describe('isInside', () => {
  it.each([
    ['/a', '/a', true],
    ['/a', '/a/b/c', true],
    ['/a', '/a/..b', true],
    ['/', '/x', true],
    ['/a', '/ab', false],
    ['/a/b', '/a', false],
    ['/a', '/a/../b', false],
  ])('%s, %s: %s', (directory, path, expected) => {
    expect(isInside(directory, path)).toBe(expected);
  });
});
