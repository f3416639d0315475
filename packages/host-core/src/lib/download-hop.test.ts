import { describe, expect, it } from 'vitest';

import { firstHop, nextHop, redact, showUrl, writeHop } from './download-hop.ts';

const none = { caFile: undefined, maxBytes: undefined };

describe('firstHop', () => {
  it('takes login and fragment out of the address', () => {
    const { url, headers } = firstHop('https://us%3Aer:p%40ss@host:8443/a?b#c', { Accept: 'x/y' });
    expect(url.href).toBe('https://host:8443/a?b');
    expect(headers).toEqual({ Accept: 'x/y', Authorization: `Basic ${btoa('us:er:p@ss')}` });
  });

  it('refuses what is no address for us, and shows none of it', () => {
    for (const url of [
      '',
      'x',
      '/x',
      'file:///secret',
      'ftp://secret',
      'http://a/sec\nret',
      'http://a/ secret',
      'http://',
    ])
      expect(() => firstHop(url, {})).toThrow(TypeError);
    for (const url of ['file:///secret', 'http://a/sec\tret', 'http://secret:80:80'])
      expect(() => firstHop(url, {})).not.toThrow(/sec/);
  });

  it('refuses headers that are none, and two logins', () => {
    for (const [name, value] of Object.entries({
      'a b': 'x',
      '': 'x',
      a: 'x\ny',
      b: 'x\0',
      c: ' x',
      d: '',
      e: 'ü',
      '@f:': 'x',
    }))
      expect(() => firstHop('http://a', { [name]: value })).toThrow(TypeError);
    expect(() => firstHop('http://u:p@a', { authorization: 'Bearer x' })).toThrow(TypeError);
  });
});

describe('nextHop', () => {
  const hop = firstHop('https://one.example/deep/file?x', { 'X-Token': 'secret' });
  const follow = (location: string, mayLeaveTls = false): unknown => {
    const next = nextHop(hop, location, mayLeaveTls);
    return typeof next === 'string' ? next : [next.url.href, Object.keys(next.headers)];
  };

  it('understands locations of any kind and keeps headers within the origin', () => {
    expect(follow('other')).toEqual(['https://one.example/deep/other', ['X-Token']]);
    expect(follow('/top')).toEqual(['https://one.example/top', ['X-Token']]);
    expect(follow('//two.example/x')).toEqual(['https://two.example/x', []]);
    expect(follow('https://one.example:444/')).toEqual(['https://one.example:444/', []]);
    expect(follow('https://u:p@one.example/')).toEqual(['https://one.example/', ['X-Token', 'Authorization']]);
  });

  it('goes to no other scheme, and from TLS to none only when the file is sure to be checked', () => {
    expect(follow('file:///etc/passwd')).toMatch(/file: address/);
    expect(follow('https://')).toMatch(/no address/);
    expect(follow('http://one.example/')).toMatch(/from https to http/);
    expect(follow('http://one.example/', true)).toEqual(['http://one.example/', []]);
  });
});

describe('writeHop', () => {
  it('writes what curl and wget read, whatever is in it', () => {
    const hop = firstHop('http://a/?"\\', { 'X-A': 'b "c" \\d' });
    expect(writeHop(hop, { caFile: '/ca "1"', maxBytes: 7 }).split('\n')).toEqual([
      'http://a/?%22\\',
      'url = "http://a/?%22\\\\"',
      'header = "X-A: b \\"c\\" \\\\d"',
      'cacert = "/ca \\"1\\""',
      'max-filesize = 7',
      '',
      'header = X-A: b "c" \\d',
      'ca_certificate = /ca "1"',
      '',
      '',
    ]);
  });

  it('gives wget nothing when there is nothing to hide', () => {
    expect(writeHop(firstHop('http://a/', {}), none)).toBe('http://a/\nurl = "http://a/"\n\n\n');
  });
});

describe('redact', () => {
  it('takes queries and the values of headers out of words', () => {
    const hop = firstHop('http://a/b?key=1', { Authorization: 'Bearer abc', 'X-T': 'token' });
    expect(showUrl(hop.url)).toBe('http://a/b?…');
    expect(redact('http://a/b?key=1: bad token abc, GET /b?key=1', hop)).toBe('http://a/b?…: bad … …, GET /b…');
  });
});
