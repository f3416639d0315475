import { describe, expect, it } from 'vitest';

import { parseDestination, parseJumps } from './destination.ts';

describe('parseDestination', () => {
  it.each([
    ['build-3', { host: 'build-3' }],
    ['alice@build-3', { host: 'build-3', user: 'alice' }],
    ['alice@corp@build-3:2222', { host: 'build-3', user: 'alice@corp', port: 2222 }],
    ['[::1]:22', { host: '::1', port: 22 }],
    ['a@[fe80::1%eth0]', { host: 'fe80::1%eth0', user: 'a' }],
    ['::1', { host: '::1' }],
    ['ssh://alice@build-3:44/', { host: 'build-3', user: 'alice', port: 44 }],
    ['', undefined],
    ['-l', undefined],
    ['-l@a', undefined],
    ['a@-b', undefined],
    ['a:0', undefined],
    ['a:65536', undefined],
    ['a:b', undefined],
    ['a/b', undefined],
  ])('reads %j', (text, expected) => expect(parseDestination(text)).toEqual(expected));
});

describe('parseJumps', () => {
  it('takes a list, none of them, or nothing at all of a wrong one', () => {
    expect(parseJumps('a, b@c:22,[::1]')).toEqual(['a', 'b@c:22', '[::1]']);
    expect([parseJumps('none'), parseJumps('')]).toEqual([[], []]);
    expect([parseJumps('a,'), parseJumps('a,-b')]).toEqual([undefined, undefined]);
  });
});
