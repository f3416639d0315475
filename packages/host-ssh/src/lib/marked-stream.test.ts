import { describe, expect, it } from 'vitest';

import { createMarkScanner } from './marked-stream.ts';

const text = 'noise without end n0nce-ready 1 2\nthe \0 rest';

describe('createMarkScanner', () => {
  it('finds the marker however the bytes are cut', () => {
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const scanner = createMarkScanner('n0nce');
      const first = scanner.push(bytes.subarray(0, cut));
      const found = first ?? scanner.push(bytes.subarray(cut));
      const after = first ? bytes.subarray(cut) : Buffer.alloc(0);
      expect(found?.line).toBe('-ready 1 2');
      expect(found?.before.toString()).toBe('noise without end ');
      expect(Buffer.concat([found?.rest ?? Buffer.alloc(0), after]).toString()).toBe('the \0 rest');
    }
  });

  it('finds it byte by byte after megabytes of noise, and holds only the end of them', () => {
    const scanner = createMarkScanner('n0nce');
    for (let round = 0; round < 200; round += 1) expect(scanner.push(Buffer.alloc(10_000, 'n0nc '))).toBeUndefined();
    expect(scanner.seen().length).toBeLessThanOrEqual(4096);
    const found = text
      .split('')
      .map((character) => scanner.push(Buffer.from(character)))
      .find((result) => result);
    expect(found?.line).toBe('-ready 1 2');
  });

  it('passes over a marker whose line does not end', () => {
    const scanner = createMarkScanner('n0nce');
    expect(scanner.push(Buffer.from(`n0nce${'x'.repeat(300)}`))).toBeUndefined();
    expect(scanner.push(Buffer.from('n0nce-go\n'))?.line).toBe('-go');
  });
});
