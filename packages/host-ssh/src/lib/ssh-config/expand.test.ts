import { describe, expect, it } from 'vitest';

import { expandPath, expandTokens, pathTokens } from './expand.ts';

const source = { env: { KEYS: '/keys', PERCENT: '%h' }, localUser: 'me', home: '/home/me' };
const tokens = pathTokens({ alias: 'b3', host: 'build-3', port: 22, user: 'alice' }, source);

describe('expandPath', () => {
  it.each([
    ['~/.ssh/k', '/home/me/.ssh/k'],
    ['~me/k', '/home/me/k'],
    ['%d/%u/%r@%h:%p/%n/%k/%%h', '/home/me/me/alice@build-3:22/b3/b3/%h'],
    ['${KEYS}/k', '/keys/k'],
    ['a~b$c', 'a~b$c'],
  ])('%s', (path, expected) => expect(expandPath(path, tokens, source)).toBe(expected));

  it.each(['~root/k', '${NONE}/k', '%C', '%x', 'a%'])('refuses %s', (path) => {
    expect(() => expandPath(path, tokens, source)).toThrow(Error);
  });

  it('takes no token from what is not its own', () => {
    expect(() => expandTokens('%c', { h: 'a' })).toThrow('%c');
  });
});
