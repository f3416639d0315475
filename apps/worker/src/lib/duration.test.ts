import { describe, expect, it } from 'vitest';

import { MAX_DURATION_MS, formatDuration, formatElapsed, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['1d2h3m4s', 93_784_000],
    ['20d', MAX_DURATION_MS],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['', '30', 'm', '0s', '-5m', '1.5h', '30 m', '30min', '30m1h', '20d1s', '999999999d', '1h 30m'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('stays below what a timer holds', () => {
    expect(MAX_DURATION_MS).toBeLessThan(2 ** 31);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [850.4, '850 ms'],
    [12_345, '12.3 s'],
    [59_949, '59.9 s'],
    [59_999, '1 min 00 s'],
    [245_000, '4 min 05 s'],
    [7_800_000, '2 h 10 min'],
  ])('writes %d ms', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });
});

describe('formatElapsed', () => {
  it.each([
    [0, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min 00 s'],
  ])('writes %d ms', (milliseconds, text) => {
    expect(formatElapsed(milliseconds)).toBe(text);
  });
});
