import { createHmac } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { judgeKey, keyTypeOf, knownHostsName, knownKeyTypes, matchesName, parseKnownHosts } from './known-hosts.ts';

function makeKey(type: string, body: string): { readonly key: Buffer; readonly text: string } {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  const key = Buffer.concat([length, Buffer.from(type), Buffer.from(body)]);
  return { key, text: `${type} ${key.toString('base64')}` };
}

const ed = makeKey('ssh-ed25519', 'one');
const otherEd = makeKey('ssh-ed25519', 'two');
const rsa = makeKey('ssh-rsa', 'three');
const target = { host: 'build-3', port: 22 };
const hashed = (name: string): string => {
  const salt = Buffer.from('0123456789abcdefghij');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
};
const judge = (text: string, key = ed.key, at = target) => judgeKey(parseKnownHosts(text, 'f'), at, key).kind;

describe('parseKnownHosts', () => {
  it('reads markers and comments and skips what is no line', () => {
    const text = [
      '# comment',
      '',
      `a ${ed.text} a comment`,
      `\t@revoked  b\t${rsa.text}`,
      `@cert-authority * ${ed.text}`,
      `@other c ${ed.text}`,
      'c ssh-ed25519',
      `c ssh-rsa ${ed.text.split(' ')[1]}`,
      'c ssh-ed25519 not!base64',
      `d ${ed.text}\r`,
    ].join('\n');
    expect(parseKnownHosts(text, 'f').map(({ where, kind, patterns }) => `${where} ${kind} ${patterns}`)).toEqual([
      'f:3 host a',
      'f:4 revoked b',
      'f:5 authority *',
      'f:10 host d',
    ]);
  });
});

describe('matchesName', () => {
  it.each<readonly [string, string, boolean]>([
    ['build-3', 'build-3', true],
    ['BUILD-3', 'build-3', true],
    ['build-33', 'build-3', false],
    ['a,build-3,b', 'build-3', true],
    ['build-?', 'build-3', true],
    ['build-?', 'build-33', false],
    ['*.example.com', 'a.b.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*,!build-3', 'build-3', false],
    ['!build-3', 'other', false],
    ['!build-3,*', 'other', true],
    ['[build-3]:2222', '[build-3]:2222', true],
    ['build-3', '[build-3]:2222', false],
    ['*', '[build-3]:2222', true],
    ['[*]:2222', '[build-3]:2222', true],
    ['*a*a*a*a*a*a*a*a*b', 'a'.repeat(60), false],
    [hashed('build-3'), 'build-3', true],
    [hashed('[build-3]:2222'), '[build-3]:2222', true],
    [hashed('build-3'), 'build-4', false],
    ['|1|broken', 'build-3', false],
  ])('%s for %s: %s', (patterns, name, expected) => {
    const [line] = parseKnownHosts(`${patterns} ${ed.text}`, 'f');
    expect(line && matchesName(line, name)).toBe(expected);
  });
});

describe('judgeKey', () => {
  it('accepts the key that is there, also the second one', () => {
    expect(judge(`build-3 ${otherEd.text}\nbuild-3 ${ed.text}`)).toBe('known');
  });

  it('tells a changed key from one of another type and from an unknown host', () => {
    expect(judge(`build-3 ${otherEd.text}`)).toBe('changed');
    expect(judge(`build-3 ${rsa.text}`)).toBe('other-type');
    expect(judge(`other ${ed.text}`)).toBe('unknown');
    expect(judge('')).toBe('unknown');
  });

  it('refuses a revoked key even where another line holds it', () => {
    expect(judge(`build-3 ${ed.text}\n@revoked * ${ed.text}`)).toBe('revoked');
    expect(judge(`build-3 ${ed.text}\n@revoked * ${rsa.text}`)).toBe('known');
  });

  it('does not take an authority’s key for the host’s', () => {
    const verdict = judgeKey(parseKnownHosts(`@cert-authority build-3 ${ed.text}`, 'f'), target, ed.key);
    expect(verdict).toEqual({ kind: 'unknown', hasAuthority: true });
  });

  it('falls back to the bare name for another port, but only for this very key', () => {
    const elsewhere = { host: 'build-3', port: 2222 };
    expect(judge(`build-3 ${ed.text}`, ed.key, elsewhere)).toBe('known');
    expect(judge(`build-3 ${otherEd.text}`, ed.key, elsewhere)).toBe('unknown');
    expect(judge(`build-3 ${ed.text}\n[build-3]:2222 ${otherEd.text}`, ed.key, elsewhere)).toBe('changed');
    expect(judge(`[build-3]:2222 ${ed.text}\n@revoked build-3 ${ed.text}`, ed.key, elsewhere)).toBe('revoked');
  });

  it('says where the line is', () => {
    const lines = [...parseKnownHosts('', 'first'), ...parseKnownHosts(`\nbuild-3 ${otherEd.text}`, 'second')];
    expect(judgeKey(lines, target, ed.key)).toEqual({ kind: 'changed', where: 'second:2' });
  });
});

describe('knownKeyTypes', () => {
  it('keeps the order of the file, once each, without revoked ones', () => {
    const text = `build-3 ${rsa.text}\n@revoked build-3 ${otherEd.text}\nbuild-3 ${rsa.text}\nbuild-3 ${ed.text}`;
    expect(knownKeyTypes(parseKnownHosts(text, 'f'), target)).toEqual(['ssh-rsa', 'ssh-ed25519']);
  });

  it('prefers the name with the port', () => {
    const lines = parseKnownHosts(`build-3 ${rsa.text}\n[build-3]:2222 ${ed.text}`, 'f');
    expect(knownKeyTypes(lines, { host: 'build-3', port: 2222 })).toEqual(['ssh-ed25519']);
    expect(knownKeyTypes(lines, { host: 'build-3', port: 3333 })).toEqual(['ssh-rsa']);
  });
});

describe('names and types', () => {
  it('names a host as OpenSSH does', () => {
    expect([knownHostsName('Build', 22), knownHostsName('::1', 2222)]).toEqual(['build', '[::1]:2222']);
  });

  it('reads a type only where there is one', () => {
    expect([keyTypeOf(ed.key), keyTypeOf(Buffer.alloc(3)), keyTypeOf(Buffer.from([0, 0, 0, 9, 1]))]).toEqual([
      'ssh-ed25519',
      '',
      '',
    ]);
  });
});
