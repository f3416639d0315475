import { describe, expect, it } from 'vitest';

import type { JsonObject, JsonValue } from './config.ts';
import { hasRotatingLogin, listLogins, mergeResumed, mergeRotated } from './logins.ts';

const oauth = (refresh: string, expires?: number): JsonObject => ({
  type: 'oauth',
  refresh,
  access: `access of ${refresh}`,
  ...(expires === undefined ? {} : { expires }),
});
const api = (key: string): JsonObject => ({ type: 'api', key });
const [first, second, third] = [oauth('r1', 100), oauth('r2', 200), oauth('r3', 300)];
const never = () => false;

/** What of one provider's login is written back: began with, in the seed now, in the session's home. */
const merged = (began: JsonValue | undefined, kept: JsonValue | undefined, own: JsonValue): JsonValue | undefined => {
  const of = (entry: JsonValue | undefined): JsonObject => (entry === undefined ? {} : { p: entry, other: api('k') });
  return mergeRotated(of(kept), of(own), { base: of(began), isFormer: never })?.['p'];
};

describe('mergeRotated', () => {
  it.each([
    ['a rotated login', first, first, second, second],
    ['one whose server does not say how long it is good', oauth('r1'), oauth('r1'), oauth('r2'), oauth('r2')],
    ['one of which no date is known yet', oauth('r1', 0), oauth('r1', 0), oauth('r2', 0), oauth('r2', 0)],
    ['the newer one of two that changed', first, second, third, third],
  ])('takes %s', (_name, began, kept, own, result) => {
    expect(merged(began, kept, own)).toEqual(result);
  });

  it.each<[string, JsonValue | undefined, JsonValue | undefined, JsonValue]>([
    ['one that did not change', first, first, first],
    ['one that did not change in the session, but in the seed', first, second, first],
    ['an older one over a newer one', first, third, second],
    ['one that is older than what the session began with', second, second, first],
    ['one of two of which nobody knows which is newer', oauth('r1'), oauth('r2'), oauth('r3')],
    ['a key, whoever changed it', api('a'), api('a'), api('b')],
    ['a login that the session did not begin with', undefined, undefined, second],
    ['a login that took the place of a key', api('a'), api('a'), second],
    ['a login that the seed has not any more', first, api('a'), second],
    ['one without a token', first, first, { type: 'oauth', refresh: '', expires: 900 }],
    ['what is none', first, first, 'r2'],
  ])('does not take %s', (_name, began, kept, own) => {
    expect(merged(began, kept, own)).toBeUndefined();
  });

  it('does not take one that the session had before', () => {
    const history = { base: { p: second }, isFormer: (provider: string) => provider === 'p' };
    expect(mergeRotated({ p: second }, { p: oauth('r1', 900) }, history)).toBeUndefined();
  });

  it('takes tokens, and never the address they are sent to', () => {
    const at = (login: JsonObject, enterpriseUrl: string): JsonObject => ({ ...login, enterpriseUrl });
    expect(merged(first, first, at(second, 'evil'))).toEqual(second);
    expect(merged(at(first, 'own'), at(first, 'own'), at(second, 'evil'))).toEqual(at(second, 'own'));
    expect(merged(at(first, 'own'), at(first, 'own'), second)).toEqual(at(second, 'own'));
    expect(merged(first, first, at(first, 'evil'))).toBeUndefined();
  });

  it('leaves the other logins of the seed as they are, whatever the session made of them', () => {
    const current = { p: first, q: api('a'), s: oauth('s1', 5) };
    const session = { p: second, q: api('evil'), new: api('evil') };
    expect(mergeRotated(current, session, { base: current, isFormer: never })).toEqual({ ...current, p: second });
  });
});

describe('mergeResumed', () => {
  it('takes the logins of the seed, but a newer one of the home', () => {
    const home = { p: first, q: third, r: api('own'), key: api('old') };
    const seed = { p: second, q: second, key: api('new') };
    expect(mergeResumed(home, seed)).toEqual({ p: second, q: third, r: api('own'), key: api('new') });
  });
});

describe('listLogins', () => {
  it('tells providers and types, and no secrets', () => {
    const auth = { p: first, q: api('s3cret'), odd: { key: 1 }, none: null };
    expect(listLogins(auth)).toEqual([
      { provider: 'p', type: 'oauth' },
      { provider: 'q', type: 'api' },
      { provider: 'odd', type: 'unknown' },
    ]);
    expect(hasRotatingLogin(auth)).toBe(true);
    expect(hasRotatingLogin({ q: api('s3cret') })).toBe(false);
    expect(hasRotatingLogin(undefined)).toBe(false);
  });
});
