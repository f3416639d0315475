import { describe, expect, it } from 'vitest';

import { pinnedKey } from './host-keys.ts';
import { resolveOptions, type CreateSshHostOptions } from './options.ts';

const fingerprint = `SHA256:${'a'.repeat(43)}`;
const options: CreateSshHostOptions = {
  host: 'build-3',
  user: 'alice',
  authentication: { type: 'agent', socketPath: '/run/agent' },
  hostKeys: pinnedKey(fingerprint),
};

describe('resolveOptions', () => {
  it('fills in the defaults', () => {
    expect(resolveOptions(options)).toMatchObject({
      description: 'alice@build-3',
      connectTimeoutMs: 20_000,
      keepaliveIntervalMs: 15_000,
      keepaliveCount: 3,
      maxConnections: 8,
      route: [{ port: 22, keyName: { host: 'build-3', port: 22 } }],
    });
  });

  it('puts jumps first and describes the host', () => {
    const { route, description } = resolveOptions({ ...options, port: 2222, jumps: [{ ...options, host: 'gate' }] });
    expect(route.map(({ host }) => host)).toEqual(['gate', 'build-3']);
    expect(description).toBe('alice@build-3:2222');
  });

  it('looks an alias up without a port', () => {
    const { route } = resolveOptions({ ...options, port: 2222, hostKeyAlias: 'builder' });
    expect(route[0]?.keyName).toEqual({ host: 'builder', port: 22 });
  });

  it.each(['', '-oProxyCommand=x', 'a b', 'a\nb', "a'b", 'a;b', '$(id)', 'a*', 'a,b', 'a/b', '[::1]'])(
    'refuses the host name %j',
    (host) => expect(() => resolveOptions({ ...options, host })).toThrow(TypeError),
  );

  it.each(['10.0.0.1', '::1', 'fe80::1%eth0', 'Build_3.example.com', 'bücher.example'])('takes the host %s', (host) => {
    expect(() => resolveOptions({ ...options, host })).not.toThrow();
  });

  it.each(['', '-l', 'a b', 'a\0', '$HOME', '"x"'])('refuses the user name %j', (user) => {
    expect(() => resolveOptions({ ...options, user })).toThrow(TypeError);
  });

  it.each(['alice', 'alice@corp.example', String.raw`CORP\alice`, 'svc$'.slice(0, 3)])('takes the user %s', (user) => {
    expect(() => resolveOptions({ ...options, user })).not.toThrow();
  });

  it('refuses to go without a host key policy or a way to log in', () => {
    expect(() => resolveOptions({ ...options, hostKeys: undefined as never })).toThrow('hostKeys is required');
    expect(() => resolveOptions({ ...options, authentication: [] })).toThrow('authentication');
    const agent = { type: 'agent', socketPath: '/run/agent', keys: ['no key'] } as const;
    expect(() => resolveOptions({ ...options, authentication: agent })).toThrow(TypeError);
  });

  it.each([
    [{ type: 'private-key', privateKey: 'hunter2' }, 'must be one of key, key-file, agent, password'],
    [{ type: 'toString' }, 'must be one of key'],
    ['hunter2', 'must be one of key'],
    [[null], 'must be one of key'],
    [{ type: 'key', path: '/hunter2' }, 'authentication of type key needs privateKey'],
    [{ type: 'key-file', privateKey: 'hunter2' }, 'authentication of type key-file needs path'],
    [{ type: 'agent', socketPath: undefined }, 'authentication of type agent needs socketPath'],
    [{ type: 'agent', socketPath: '' }, 'authentication of type agent needs socketPath'],
    [{ type: 'password' }, 'authentication of type password needs password'],
    [{ type: 'keyboard-interactive' }, 'authentication of type keyboard-interactive needs answer'],
  ])('refuses to log in by %j, and tells no value', (way, message) => {
    const attempt = (): unknown => resolveOptions({ ...options, authentication: way as never });
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(message);
    expect(attempt).not.toThrow('hunter2');
  });

  it.each([{ port: 0 }, { port: 65_536 }, { port: 1.5 }, { maxConnections: 0 }, { connectTimeoutMs: Number.NaN }])(
    'refuses %j',
    (wrong) => expect(() => resolveOptions({ ...options, ...wrong })).toThrow(TypeError),
  );
});
