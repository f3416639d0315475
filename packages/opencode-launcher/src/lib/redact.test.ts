import { describe, expect, it } from 'vitest';

import { redact, secretsOf } from './redact.ts';

describe('secretsOf', () => {
  it('finds what stands under a telling name, however deep', () => {
    const config = {
      model: 'a/model-name',
      provider: { a: { options: { apiKey: 'key-of-a', baseURL: 'http://a' } } },
      mcp: { b: { headers: { Authorization: 'value-of-header' } } },
    };
    expect(secretsOf(config)).toEqual(['key-of-a', 'value-of-header']);
  });

  it('finds variables and leaves short values alone', () => {
    expect(secretsOf({ GITHUB_TOKEN: 'token-of-github', MY_PASSWORD: 'x', PATH: '/usr/bin' })).toEqual([
      'token-of-github',
    ]);
  });

  it('finds nothing where nothing is', () => {
    expect(secretsOf(undefined)).toEqual([]);
  });
});

describe('redact', () => {
  it('covers known values, the longer one first', () => {
    expect(redact('a secret-1-long and a secret-1', ['secret-1', 'secret-1-long'])).toBe(
      'a [redacted] and a [redacted]',
    );
  });

  it.each([
    ['{"apiKey": "abc"}', 'abc'],
    ['{"password": "abc def"}', 'def'],
    ['{"message":"{\\"token\\": \\"abc def\\"}"}', 'def'],
    ['OPENCODE_SERVER_PASSWORD=abcdef', 'abcdef'],
    ['authorization: Bearer abc.def', 'abc.def'],
    ['the key sk-abcdefgh12 is wrong', 'sk-abcdefgh12'],
    ['proxy http://user:pass@proxy:3128', 'pass@'],
    ['Expected string | undefined, got "abc def" provider.x', 'abc def'],
    ['{"message":"Expected boolean, got \\"abc def\\""}', 'abc def'],
    ['Expected string, got {"key": "v w"} provider.x', 'v w'],
    ['Expected Part, got {"text": "v","type":"w"}', 'w'],
  ])('covers what looks like a secret in %j', (text, secret) => {
    expect(redact(text)).not.toContain(secret);
  });

  it('keeps where a wrong value stands', () => {
    expect(redact('↳ Expected string | undefined, got 5 model')).toBe('↳ Expected string | undefined model');
  });

  it('drops a repeated file from an answer and leaves valid JSON', () => {
    const message =
      '\n--- JSONC Input ---\n{"a": "zzzzzz"}\n\n--- Errors ---\nE at line 1, column 7\n   Line 1: {"a": "zzzzzz"}\n      ^\n--- End ---';
    const body = redact(JSON.stringify({ name: 'ConfigJsonError', data: { path: '/x', message } }));
    expect(body).not.toContain('zzzzzz');
    expect(JSON.parse(body)).toMatchObject({
      data: { path: '/x', message: expect.stringContaining('E at line 1') as string },
    });
  });

  it('leaves other text alone', () => {
    const text = 'Session not found: ses_123 at /work/tokens\nline two';
    expect(redact(text)).toBe(text);
  });
});
