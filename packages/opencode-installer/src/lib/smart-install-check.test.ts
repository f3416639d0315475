import { describe, expect, it } from 'vitest';

import { latestGeneration, readAnswer, smartName } from './smart-install-check.ts';

describe('readAnswer', () => {
  it('takes an opencode that will do', () => {
    expect(readAnswer('opencode ok\n', '/cache/opencode', 'build-3')).toEqual({ path: '/cache/opencode' });
  });

  it('takes an address', () => {
    const url = 'https://releases.example/opencode-linux-x64.zip?a=b';
    expect(readAnswer(`download ${url}\n`, '', 'build-3')).toEqual({ url });
  });

  for (const [output, path] of [
    ['', ''],
    ['opencode ok', ''],
    ['opencode ok', 'opencode'],
    ['opencode ok, nearly', '/cache/opencode'],
    ['download', ''],
    ['download ', ''],
    ['download file:///etc/passwd', ''],
    ['download https://a.example/ b', ''],
    ['<html>', ''],
  ] as const) {
    it(`refuses ${JSON.stringify(output)} with ${JSON.stringify(path)}`, () => {
      expect(() => readAnswer(output, path, 'build-3')).toThrow(
        expect.objectContaining({ code: 'SMART_CHECK_INVALID' }),
      );
    });
  }
});

describe('latestGeneration', () => {
  it('counts what was installed for one script and one variant', () => {
    const script = 'https://a.example/smart-install.sh';
    const names = [
      smartName(script, 2, 'linux-x64'),
      smartName(script, 10, 'linux-x64'),
      smartName(script, 11, 'linux-x64-baseline'),
      smartName('https://b.example/', 12, 'linux-x64'),
      `${smartName(script, 0).slice(0, -1)}x-linux-x64`,
    ];
    const programs = names.map((name) => ({ name, file: 'opencode', version: undefined }));
    expect(latestGeneration(programs, script, 'linux-x64')).toBe(10);
    expect(latestGeneration([], script, 'linux-x64')).toBe(0);
  });
});
