import { describe, expect, it } from 'vitest';

import { parseInstalled } from './installed.ts';

describe('parseInstalled', () => {
  it('reads directory, boot id, names and versions', () => {
    const output = '/c a\nche/\0b00t\x001.18.33-linux-x64\0opencode\0\0sha256-0-linux-x64\0opencode\x001.2.3-fork.4\0';
    expect(parseInstalled(output, 'this machine')).toEqual({
      cacheDirectory: '/c a\nche',
      bootId: 'b00t',
      programs: [
        { name: '1.18.33-linux-x64', file: 'opencode', version: undefined },
        { name: 'sha256-0-linux-x64', file: 'opencode', version: '1.2.3-fork.4' },
      ],
    });
  });

  it('reads an empty directory of a host that tells no boot id', () => {
    expect(parseInstalled('/cache\0\0', 'this machine')).toEqual({
      cacheDirectory: '/cache',
      bootId: undefined,
      programs: [],
    });
  });

  for (const directory of ['', 'cache', '~/cache']) {
    it(`refuses ${JSON.stringify(directory)}`, () => {
      expect(() => parseInstalled(`${directory}\0\0`, 'build-3')).toThrow(
        expect.objectContaining({ code: 'CACHE_DIRECTORY_INVALID' }),
      );
    });
  }
});
