import { describe, expect, it } from 'vitest';

import { describeFailure, displayUrl, redactUrls } from './redact.ts';

describe('redactUrls', () => {
  it('takes credentials out of every URL', () => {
    expect(redactUrls('a https://me:pw@x.example/p and http://token@y.example')).toBe(
      'a https://x.example/p and http://y.example',
    );
  });
});

describe('displayUrl', () => {
  it('shows neither credentials nor query', () => {
    expect(displayUrl('https://me:pw@x.example/p?token=1#f')).toBe('https://x.example/p');
  });
});

describe('describeFailure', () => {
  it('is one line, and the code of an error without a message', () => {
    expect(describeFailure(new Error('a\n b'))).toBe('a b');
    expect(describeFailure(Object.assign(new Error(''), { code: 'ECONNRESET' }))).toBe('ECONNRESET');
  });
});
