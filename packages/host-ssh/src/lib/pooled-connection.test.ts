import { describe, expect, it } from 'vitest';

import type { Dialled } from './dial.ts';
import { isOneTooMany, pooled, type Connection } from './pooled-connection.ts';

const connection = (facts: Partial<Connection>): Connection => ({
  ...pooled({ serverVersion: '' } as Dialled),
  ...facts,
});

describe('isOneTooMany', () => {
  it('learns how many sessions there may be from those that are taken', () => {
    const one = connection({ short: 1, long: 2 });
    expect(isOneTooMany(one, 0)).toBe(true);
    expect(one.limit).toBe(3);
  });

  it('waits a while for sessions that are being freed, and learns nothing from them', () => {
    const one = connection({ hasServed: true });
    expect([0, 999, 1000].map((now) => isOneTooMany(one, now))).toEqual([true, true, false]);
    expect(one.limit).toBe(10);
  });

  it('does not wait where no session was ever to be had', () => {
    expect(isOneTooMany(connection({}), 0)).toBe(false);
  });
});
