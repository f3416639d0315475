import { expect, it } from 'vitest';

import { AgentSessionError, describeAbort, messageOf } from './errors.ts';

it('has a text for whatever a hook throws', () => {
  const mean = {
    toString: () => {
      throw new Error('no');
    },
  };
  const texts = [new Error('why'), 'text', Symbol('s'), undefined, Object.create(null), mean].map(messageOf);
  const none = 'something was thrown that has no text';
  expect(texts).toEqual(['why', 'text', 'Symbol(s)', 'undefined', none, none]);
});

it('says of an abort what it was given, and nothing where that is nothing', () => {
  const own = new AbortController();
  own.abort();
  const texts = [undefined, own.signal.reason as unknown, new Error('enough'), 'enough', null].map(describeAbort);
  expect(texts).toEqual([undefined, undefined, 'enough', 'enough', 'null']);
});

it('knows its own errors, and no other', () => {
  const own = new AgentSessionError('PATH_REFUSED', 'no');
  const other = Object.assign(new Error('no'), { code: 'PATH_REFUSED' });
  expect(
    [own, other, { code: own.code }, undefined, 'PATH_REFUSED'].map((error) => AgentSessionError.is(error)),
  ).toEqual([true, false, false, false, false]);
});
