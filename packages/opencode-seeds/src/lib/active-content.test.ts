import { describe, expect, it } from 'vitest';

import { findActiveContent, newActiveContent } from './active-content.ts';
import type { HomeContent } from './active-content.ts';
import type { JsonObject } from './config.ts';

const names = (home: Partial<HomeContent>): readonly string[] =>
  findActiveContent({ config: undefined, auth: undefined, plugins: new Map(), ...home }).map(({ name }) => name);
const inConfig = (config: JsonObject): readonly string[] => names({ config });

describe('findActiveContent', () => {
  it('finds nothing in a home with a login and a model', () => {
    expect(
      names({
        config: { model: 'a/b', theme: 'dark', mcp: {}, instructions: [], plugin: null },
        auth: { a: { type: 'api', key: 's3cret' } },
      }),
    ).toEqual([]);
  });

  for (const key of ['agent', 'command', 'enterprise', 'experimental', 'instructions', 'mcp', 'permission', 'plugin']) {
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

  it('finds an address or a package of one model', () => {
    const model = (provider: JsonObject) => ({ provider: { a: { models: { m: { name: 'M', provider } } } } });
    expect(inConfig(model({ api: 'http://s3cret' }))).toEqual(['opencode.json provider.a: an address for requests']);
    expect(inConfig(model({ npm: 'file:///evil.js' }))).toEqual(['opencode.json provider.a.npm: a package']);
    expect(inConfig(model({}))).toEqual([]);
  });

  it('finds a login that sends requests elsewhere', () => {
    const login = { type: 'oauth', refresh: 'r', access: 'a', expires: 1 };
    expect(names({ auth: { x: login } })).toEqual([]);
    expect(names({ auth: { x: { ...login, enterpriseUrl: 'evil.example' } } })).toEqual([
      'auth.json x: an address for requests',
    ]);
  });

  it('finds plugins and logins that fetch configuration', () => {
    expect(
      names({
        config: undefined,
        auth: { x: { type: 'wellknown', key: 's3cret' } },
        plugins: new Map([['.config/opencode/plugins/a.js', 'd1']]),
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

describe('newActiveContent', () => {
  const home = (plugin: string, command: string): HomeContent => ({
    config: { command: { build: command }, model: 'a/b' },
    auth: undefined,
    plugins: new Map([['.config/opencode/plugins/a.js', plugin]]),
  });
  const between = (before: HomeContent, after: HomeContent): readonly string[] =>
    newActiveContent(findActiveContent(after), findActiveContent(before)).map(({ name }) => name);

  it('finds nothing in what was there before', () => {
    expect(between(home('d1', 'make'), home('d1', 'make'))).toEqual([]);
  });

  it('finds what has the same name and is something else', () => {
    expect(between(home('d1', 'make'), home('d2', 'make'))).toEqual(['.config/opencode/plugins/a.js: a plugin']);
    expect(between(home('d1', 'make'), home('d1', 'curl evil'))).toEqual(['opencode.json command: a command']);
  });
});
