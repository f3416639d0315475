import { describe, expect, it } from 'vitest';

import { databaseOf } from './mongo-connection.ts';

describe('databaseOf', () => {
  it.each([
    ['mongodb://h', 'optio'],
    ['mongodb://h/', 'optio'],
    ['mongodb://h/?w=1', 'optio'],
    ['mongodb://u:p%40@a:1,b:2/team?replicaSet=r', 'team'],
    ['mongodb+srv://h/a%20b', 'a b'],
  ])('%s: %s', (url, name) => {
    expect(databaseOf(url)).toBe(name);
  });
});
