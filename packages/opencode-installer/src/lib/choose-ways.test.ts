import { describe, expect, it } from 'vitest';

import { chooseWays } from './choose-ways.ts';
import type { ChooseWaysRequest } from './choose-ways.ts';

const tools = { curl: '/usr/bin/curl', gzip: '/bin/gzip', tar: '/bin/tar' };
const url = 'https://registry.example/opencode.tgz';
const plain = { url, format: 'tar.gz' } as const;
const secret = { ...plain, headers: { Authorization: 'Bearer x' } };
const base: ChooseWaysRequest = {
  fetch: 'auto',
  isSameMachine: false,
  tools,
  sendCredentials: false,
  hostFetch: plain,
};

// The case, and what becomes of it with `auto` and with `host`.
const cases: readonly (readonly [
  what: string,
  request: Partial<ChooseWaysRequest>,
  auto: readonly string[],
  host: readonly string[] | RegExp,
])[] = [
  ['another machine with curl and tar', {}, ['host', 'here'], ['host']],
  ['this machine', { isSameMachine: true }, ['here'], ['host']],
  ['a host with wget', { tools: { ...tools, curl: '', wget: '/bin/wget' } }, ['host', 'here'], ['host']],
  ['a host that cannot fetch', { tools: { gzip: '/bin/gzip', tar: '/bin/tar' } }, ['here'], /neither curl nor wget/],
  ['a host that cannot unpack', { tools: { curl: '/usr/bin/curl' } }, ['here'], /tar and gzip is not there/],
  ['a zip and no unzip', { hostFetch: { url, format: 'zip' } }, ['here'], /unzip is not there/],
  [
    'a bare program and no tar',
    { hostFetch: { url, format: 'binary' }, tools: { curl: '/bin/curl' } },
    ['host', 'here'],
    ['host'],
  ],
  ['credentials', { hostFetch: secret }, ['here'], /credentials/],
  ['credentials that may be told', { hostFetch: secret, sendCredentials: true }, ['host', 'here'], ['host']],
  ['a password in the address', { hostFetch: { ...plain, url: 'https://a:b@c.example/' } }, ['here'], /credentials/],
  ['a proxy of ours', { hostFetch: { ...plain, betterHere: 'a proxy' } }, ['here'], ['host']],
  ['a source of this machine only', { hostFetch: undefined }, ['here'], /only works from this machine/],
];

describe('chooseWays', () => {
  for (const [what, request, auto, host] of cases) {
    it(`decides about ${what}`, () => {
      expect(chooseWays({ ...base, ...request })).toEqual({ ways: auto });
      expect(chooseWays({ ...base, ...request, fetch: 'host' })).toEqual(
        host instanceof RegExp ? { refused: expect.stringMatching(host) } : { ways: host },
      );
      expect(chooseWays({ ...base, ...request, fetch: 'here' })).toEqual({ ways: ['here'] });
    });
  }
});
