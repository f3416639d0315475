import { describe, expect, it } from 'vitest';

import { chooseEvicted } from './choose-evicted.ts';
import type { EvictionPolicy } from './choose-evicted.ts';
import { readCached } from './evict.ts';

// By last use, the latest first.
const versions = ['1.5.0', '1.4.0', '1.3.0', '1.2.0', '1.1.0'].map((version) => ({
  name: `${version}-linux-x64`,
  sizeBytes: 100,
  isHeld: version === '1.2.0',
}));
const choose = (policy: EvictionPolicy, wanted = '1.5.0-linux-x64'): readonly string[] =>
  chooseEvicted(versions, wanted, policy).map((name) => name.slice(0, 5));

describe('chooseEvicted', () => {
  it('takes what was not used for the longest time, until few enough are left', () => {
    expect(choose({ keep: 5 })).toEqual([]);
    expect(choose({ keep: 4 })).toEqual(['1.1.0']);
  });

  it('leaves what is held and what is wanted, though it counts', () => {
    expect(choose({ keep: 3 })).toEqual(['1.1.0', '1.3.0']);
    expect(choose({ keep: 1 })).toEqual(['1.1.0', '1.3.0', '1.4.0']);
    expect(choose({ keep: 1 }, '1.1.0-linux-x64')).toEqual(['1.3.0', '1.4.0', '1.5.0']);
  });

  it('goes by size too, and without a limit takes nothing', () => {
    expect(choose({ maxBytes: 300 })).toEqual(['1.1.0', '1.3.0']);
    expect(choose({ keep: 4, maxBytes: 1000 })).toEqual(['1.1.0']);
    expect(choose({})).toEqual([]);
  });

  it('knows its own by their names', () => {
    const own = [
      '1.2.3-linux-x64-musl',
      `sha256-${'0'.repeat(32)}-darwin-arm64`,
      'smart-00000000-12-linux-x64-baseline',
    ];
    const foreign = ['ripgrep-1.18.0-linux-x64', 'mine', '1.2.3', '1.2.3-windows-x64', 'nightly-linux-x64'];
    const all = [...own, ...foreign].map((name) => ({ name, sizeBytes: 1, isHeld: false }));
    expect(chooseEvicted(all, '', { maxBytes: 0 }).toSorted()).toEqual(own.toSorted());
  });
});

describe('readCached', () => {
  it('reads lines, and leaves out what is none', () => {
    expect(readCached('1.2.3-linux-x64 180000 free\n\nodd name 1 free\n1.2.4-linux-x64 5 held\nx')).toEqual([
      { name: '1.2.3-linux-x64', sizeBytes: 184_320_000, isHeld: false },
      { name: '1.2.4-linux-x64', sizeBytes: 5120, isHeld: true },
    ]);
  });
});
