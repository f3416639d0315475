import { describe, expect, it } from 'vitest';

import { suggest } from './suggest.ts';

describe('suggest', () => {
  const fields = ['task', 'id', 'model', 'files', 'deadline', 'saveSeed', 'apiKey', 'baseUrl'];
  it.each([
    ['tsak', 'task'],
    ['modle', 'model'],
    ['api_key', 'apiKey'],
    ['baseURL', 'baseUrl'],
    ['dead-line', 'deadline'],
    ['file', 'files'],
    ['saveseeds', 'saveSeed'],
  ])('takes %s for %s', (word, meant) => {
    expect(suggest(word, fields)).toBe(meant);
  });

  it.each(['prompt', 'x', 'environment', ''])('has nothing to say about %j', (word) => {
    expect(suggest(word, ['task', 'model', 'deliverables'])).toBeUndefined();
  });
});
