import { describe, expect, it } from 'vitest';

import { admitsLong, backoffMs, idleTarget, sessionRules } from './pool-rules.ts';

describe('sessionRules', () => {
  it('knows dropbear by its version and by the name of its process', () => {
    const fragile = { limit: 4, isFragile: true };
    expect(sessionRules('SSH-2.0-dropbear_2022.83')).toEqual(fragile);
    expect(sessionRules('SSH-2.0-dropbear')).toEqual(fragile);
    expect(sessionRules('dropbearmulti')).toEqual(fragile);
  });

  it('takes every other server for OpenSSH until it refuses a session', () => {
    const usual = { limit: 10, isFragile: false };
    expect(['SSH-2.0-OpenSSH_9.2p1 Debian-2', 'SSH-2.0-Go', ''].map(sessionRules)).toEqual([usual, usual, usual]);
  });
});

describe('admitsLong', () => {
  it('keeps the last two sessions for what ends soon', () => {
    expect([7, 8, 9].map((running) => admitsLong(running, 10))).toEqual([true, false, false]);
  });

  it('lets one in where there are no more than two', () => {
    expect([1, 2, 3].map((limit) => [admitsLong(0, limit), admitsLong(1, limit)])).toEqual([
      [true, false],
      [true, false],
      [true, false],
    ]);
  });
});

describe('idleTarget', () => {
  it('is what is wanted, as far as the limit leaves room', () => {
    expect([1, 2, 5, 7, 10].map((limit) => idleTarget(6, limit))).toEqual([1, 1, 1, 3, 6]);
    expect(idleTarget(3, 10)).toBe(3);
  });
});

describe('backoffMs', () => {
  it('doubles up to ten seconds', () => {
    expect([0, 1, 2, 3, 6, 7, 50].map(backoffMs)).toEqual([250, 250, 500, 1000, 8000, 10_000, 10_000]);
  });
});
