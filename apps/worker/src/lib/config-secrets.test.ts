import { describe, expect, it } from 'vitest';

import { isSecretVariable, separateConfigSecrets } from './config-secrets.ts';

describe('separateConfigSecrets', () => {
  it('takes provider keys out and leaves everything else as it is', () => {
    const config = {
      provider: {
        a: { options: { apiKey: 'env:A', baseURL: 'http://a' } },
        b: { options: { apiKey: 'file:b.txt' } },
        c: { options: { apiKey: '{env:C}' } },
      },
      plugin: ['x', { nested: { maxTokens: 5 } }],
      model: 'a/b',
    };
    const { config: cleaned, keys, problems } = separateConfigSecrets(config);
    expect(problems).toEqual([]);
    expect(keys).toEqual([
      { path: ['provider', 'a', 'options', 'apiKey'], provider: 'a', reference: { kind: 'env', name: 'A' } },
      { path: ['provider', 'b', 'options', 'apiKey'], provider: 'b', reference: { kind: 'file', path: 'b.txt' } },
    ]);
    expect(cleaned).toEqual({
      provider: { a: { options: { baseURL: 'http://a' } }, b: { options: {} }, c: { options: { apiKey: '{env:C}' } } },
      plugin: ['x', { nested: { maxTokens: 5 } }],
      model: 'a/b',
    });
  });

  it('points to every secret that stands as it is, also in lists', () => {
    const { problems } = separateConfigSecrets({
      provider: { a: { options: { apiKey: 'sk-1', headers: { 'X-Api-Key': 'sk-2' } } } },
      mcp: { b: { environment: { ACCESS_TOKEN: 'x' }, oauth: { clientSecret: 'y' } } },
      list: [{ password: 'z' }, { authorization: 'env:NOT_HERE' }],
    });
    expect(problems.map(({ path }) => path.join('.'))).toEqual([
      'provider.a.options.apiKey',
      'provider.a.options.headers.X-Api-Key',
      'mcp.b.environment.ACCESS_TOKEN',
      'mcp.b.oauth.clientSecret',
      'list.0.password',
      'list.1.authorization',
    ]);
  });
});

describe('isSecretVariable', () => {
  it.each(['GITHUB_TOKEN', 'API_KEY', 'OPENAI_APIKEY', 'DB_PASSWORD', 'SECRET', 'aws_secret', 'SSH_PASSPHRASE', 'KEY'])(
    '%s',
    (name) => {
      expect(isSecretVariable(name)).toBe(true);
    },
  );
  it.each(['LANG', 'MONKEY', 'KEYBOARD', 'TOKENIZER', 'PATH', 'KEY_FILE'])('not %s', (name) => {
    expect(isSecretVariable(name)).toBe(false);
  });
});
