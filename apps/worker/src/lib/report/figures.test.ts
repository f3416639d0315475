import { describe, expect, it } from 'vitest';

import { formatBytes, formatTime, progressBar } from './figures.ts';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1249, '1.2 kB'],
    [9949, '9.9 kB'],
    [9951, '10 kB'],
    [999_499, '999 kB'],
    [999_501, '1.0 MB'],
    [185_000_000, '185 MB'],
    [2.5e15, '2500 TB'],
  ])('writes %d', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('progressBar', () => {
  it.each([
    [0, '░░░░'],
    [50, '██░░'],
    [100, '████'],
    [250, '████'],
    [-1, '░░░░'],
  ])('draws %d percent', (percent, bar) => {
    expect(progressBar(percent, 4)).toBe(bar);
  });
});

describe('formatTime', () => {
  it('writes the local time of day', () => {
    expect(formatTime(new Date(2026, 10, 23, 6, 5, 4))).toBe('06:05:04');
  });
});
