import { expect, it } from 'vitest';

import { messageOf } from './errors.ts';

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
