import { describe, expect, it } from 'vitest';

import { chooseInstalled, parseInstalled } from './installed.ts';

describe('parseInstalled', () => {
  it('reads directory, ripgrep and names', () => {
    expect(parseInstalled('/c a\nche/\0yes\x001.18.33-linux-x64\0', 'this machine')).toEqual({
      cacheDirectory: '/c a\nche',
      hasRipgrep: true,
      opencodeNames: ['1.18.33-linux-x64'],
    });
  });

  it('reads an empty directory', () => {
    expect(parseInstalled('/cache\0no\0', 'this machine')).toEqual({
      cacheDirectory: '/cache',
      hasRipgrep: false,
      opencodeNames: [],
    });
  });

  for (const directory of ['', 'cache', '~/cache']) {
    it(`refuses ${JSON.stringify(directory)}`, () => {
      expect(() => parseInstalled(`${directory}\0no\0`, 'build-3')).toThrow(
        expect.objectContaining({ code: 'CACHE_DIRECTORY_INVALID' }),
      );
    });
  }
});

describe('chooseInstalled', () => {
  const variants = ['linux-x64', 'linux-x64-baseline'];
  const choose = (...names: readonly string[]): string | undefined => chooseInstalled(names, '1.18.33', variants)?.name;

  it('takes the newest by number, not by letter', () => {
    expect(choose('1.9.0-linux-x64', '1.18.4-linux-x64', '1.18.30-linux-x64')).toBe('1.18.30-linux-x64');
  });

  it('prefers the better variant only among equal versions', () => {
    expect(choose('1.18.0-linux-x64-baseline', '1.18.0-linux-x64')).toBe('1.18.0-linux-x64');
    expect(choose('1.18.1-linux-x64-baseline', '1.18.0-linux-x64')).toBe('1.18.1-linux-x64-baseline');
  });

  it('takes no other major version, no pre-release and no other variant', () => {
    expect(choose('2.0.0-linux-x64', '1.19.0-beta.1-linux-x64', '1.18.0-linux-arm64', 'x-linux-x64')).toBeUndefined();
  });
});
