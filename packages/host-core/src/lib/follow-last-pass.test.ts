import { describe, expect, it } from 'vitest';

import { createLastPass } from './follow-last-pass.ts';
import type { Found } from './follower.ts';

const grown = (start: number, length: number, size: number): Found => ({
  kind: 'grown',
  size,
  start,
  length,
  chunks: [],
});

describe('createLastPass', () => {
  it('ends when nothing is new', () => {
    const pass = createLastPass();
    expect(pass.endsWith(grown(0, 10, 10), true)).toBe(false);
    expect(pass.endsWith({ kind: 'shrunk' }, false)).toBe(false);
    expect(pass.endsWith(grown(0, 5, 5), true)).toBe(false);
    expect(pass.endsWith({ kind: 'same' }, true)).toBe(true);
    expect(createLastPass().endsWith({ kind: 'nothing' }, true)).toBe(true);
  });

  it('reads all that was there at first, and does not follow for ever what grows all the time', () => {
    const pass = createLastPass();
    for (let start = 0; start < 500; start += 1) expect(pass.endsWith(grown(start, 1, 1000 + start), true)).toBe(false);
    let start = 1000;
    while (!pass.endsWith(grown(start, 1, start + 1000), true)) start += 1;
    expect(start).toBe(1100);
  });

  it('does not follow for ever what is rewritten all the time', () => {
    const pass = createLastPass();
    let looks = 1;
    while (!pass.endsWith(grown(0, 10, 10), false)) looks += 1;
    expect(looks).toBe(101);
  });
});
