import { describe, expect, it } from 'vitest';

import { findActiveContent } from './active-content.ts';
import type { JsonObject } from './config.ts';

const inConfig = (config: JsonObject): readonly string[] => findActiveContent({ config, auth: undefined, plugins: [] });

describe('findActiveContent', () => {
  it('finds nothing in a home with a login and a model', () => {
    expect(
      findActiveContent({
        config: { model: 'a/b', theme: 'dark', mcp: {}, instructions: [], plugin: null },
        auth: { a: { type: 'api', key: 's3cret' } },
        plugins: [],
      }),
    ).toEqual([]);
  });

  for (const key of ['agent', 'command', 'instructions', 'mcp', 'permission', 'plugin']) {
    it(`finds ${key}`, () => {
      expect(inConfig({ [key]: { any: 's3cret' } })).toEqual([
        expect.stringMatching(new RegExp(`^opencode.json ${key}: `)),
      ]);
    });
  }

  it('finds an address of a provider, at both places, in any spelling', () => {
    expect(inConfig({ provider: { a: { options: { baseURL: 'http://s3cret' } } } })).toEqual([
      'opencode.json provider.a: an address for requests',
    ]);
    expect(inConfig({ provider: { a: { api: 'http://s3cret' } } })).toHaveLength(1);
    expect(inConfig({ provider: { a: { npm: 'file:///evil.js' } } })).toEqual([
      'opencode.json provider.a.npm: a package',
    ]);
  });

  it('finds plugins and logins that fetch configuration', () => {
    expect(
      findActiveContent({
        config: undefined,
        auth: { x: { type: 'wellknown', key: 's3cret' } },
        plugins: ['.config/opencode/plugins/a.js'],
      }),
    ).toEqual(['.config/opencode/plugins/a.js: a plugin', 'auth.json x: a configuration from elsewhere']);
  });

  it('is not put off by values of the wrong type', () => {
    expect(inConfig({ provider: 'text', mcp: 7, command: false })).toEqual([
      'opencode.json command: a command',
      'opencode.json mcp: an MCP server',
    ]);
    expect(inConfig({ provider: { a: null, b: { options: 'x' } } })).toEqual([]);
  });
});
