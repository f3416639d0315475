import { describe, expect, it } from 'vitest';

import { createRedactor, secretsOf } from './redactor.ts';

describe('createRedactor', () => {
  it('takes out what it was told, as it is, in JSON and in a URL', () => {
    const redactor = createRedactor();
    redactor.add(['p@ss "word"', 'tiny']);
    expect(redactor.redact('a p@ss "word" b')).toBe('a [redacted] b');
    expect(redactor.redact(JSON.stringify({ message: 'p@ss "word"' }))).toBe('{"message":"[redacted]"}');
    expect(redactor.redact(`http://h/?key=${encodeURIComponent('p@ss "word"')}`)).toBe('http://h/?key=[redacted]');
    // Too short to be told from other words.
    expect(redactor.redact('tiny')).toBe('tiny');
  });

  it('leaves nothing of a secret that begins with another, or is printed line by line', () => {
    const redactor = createRedactor();
    redactor.add([
      'sk-short',
      'sk-short-and-long',
      '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w\n{\n-----END KEY-----\n',
    ]);
    expect(redactor.redact('sk-short-and-long sk-short')).toBe('[redacted] [redacted]');
    expect(redactor.redact('agent: MIIEvQIBADANBgkqhkiG9w {')).toBe('agent: [redacted] {');
  });

  it('takes passwords out of URLs that it was not told of', () => {
    const redactor = createRedactor();
    const redact = (text: string): string => redactor.redact(text);
    expect(redact('cannot reach mongodb://worker:hunter2@db:27017/optio')).toBe(
      'cannot reach mongodb://worker:[redacted]@db:27017/optio',
    );
    expect(redact('https://example.com:8080/a@b')).toBe('https://example.com:8080/a@b');
  });
});

describe('secretsOf', () => {
  it('are keys and variables', () => {
    expect(secretsOf({ login: { a: { type: 'api', key: 'k' } }, env: { A: 'v' } })).toEqual(['k', 'v']);
    expect(secretsOf({ login: undefined, env: undefined })).toEqual([]);
  });
});
