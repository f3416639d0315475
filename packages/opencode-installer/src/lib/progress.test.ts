import { describe, expect, it } from 'vitest';

import { throttleBytes } from './progress.ts';

function reportsOf(totalBytes: number | undefined, step: number, end: number): readonly number[] {
  const reports: number[] = [];
  const report = throttleBytes(totalBytes, (bytes) => {
    reports.push(bytes);
  });
  for (let bytes = step; bytes <= end; bytes += step) report(bytes);
  return reports;
}

describe('throttleBytes', () => {
  it('reports once per percent, and the end', () => {
    const reports = reportsOf(1_000_000, 10, 1_000_000);
    expect(reports).toHaveLength(101);
    expect(reports.at(-1)).toBe(1_000_000);
  });

  it('reports the end of a total that a hundred does not divide', () => {
    for (const totalBytes of [60_275_143, 2_351_856, 7, 1001]) {
      const seen: number[] = [];
      const report = throttleBytes(totalBytes, (bytes) => seen.push(bytes));
      report(totalBytes - 1);
      report(totalBytes);
      expect(seen.at(-1)).toBe(totalBytes);
    }
  });

  it('reports every chunk that is larger than a percent', () => {
    expect(reportsOf(1000, 250, 1000)).toEqual([250, 500, 750, 1000]);
  });

  it('reports once per MiB when the total is unknown', () => {
    expect(reportsOf(undefined, 1024, 5 * 1024 ** 2)).toHaveLength(6);
  });
});
