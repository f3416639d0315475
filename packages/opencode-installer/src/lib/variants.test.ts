import { describe, expect, it } from 'vitest';

import { opencodeVariants, ripgrepVariant } from './variants.ts';
import type { VariantProbe } from './variants.ts';

const cases: readonly (readonly [VariantProbe, readonly string[], string])[] = [
  [{ os: 'linux', arch: 'x64', libc: 'glibc', hasAvx2: true }, ['linux-x64', 'linux-x64-baseline'], 'linux-x64'],
  [{ os: 'linux', arch: 'x64', libc: 'glibc', hasAvx2: false }, ['linux-x64-baseline'], 'linux-x64'],
  [
    { os: 'linux', arch: 'x64', libc: 'musl', hasAvx2: true },
    ['linux-x64-musl', 'linux-x64-baseline-musl'],
    'linux-x64',
  ],
  [{ os: 'linux', arch: 'x64', libc: 'musl', hasAvx2: false }, ['linux-x64-baseline-musl'], 'linux-x64'],
  [{ os: 'linux', arch: 'arm64', libc: 'glibc', hasAvx2: false }, ['linux-arm64'], 'linux-arm64'],
  [{ os: 'linux', arch: 'arm64', libc: 'musl', hasAvx2: false }, ['linux-arm64-musl'], 'linux-arm64'],
  [{ os: 'darwin', arch: 'arm64', libc: 'none', hasAvx2: false }, ['darwin-arm64'], 'darwin-arm64'],
  [{ os: 'darwin', arch: 'x64', libc: 'none', hasAvx2: false }, ['darwin-x64-baseline'], 'darwin-x64'],
];

describe('opencodeVariants', () => {
  for (const [probe, expected] of cases) {
    it(`offers ${expected.join(', then ')} for ${JSON.stringify(probe)}`, () => {
      expect(opencodeVariants(probe)).toEqual(expected);
    });
  }
});

describe('ripgrepVariant', () => {
  for (const [probe, , expected] of cases) {
    it(`is ${expected} for ${JSON.stringify(probe)}`, () => {
      expect(ripgrepVariant(probe)).toBe(expected);
    });
  }
});
