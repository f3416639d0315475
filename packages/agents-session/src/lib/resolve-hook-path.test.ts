import { describe, expect, it } from 'vitest';

import { resolveHookPath } from './resolve-hook-path.ts';

const resolve = async (path: string): Promise<string> => {
  const found = await resolveHookPath(path, { workdir: '/w', readHome: () => Promise.resolve('/home/u') });
  return `${found.directory} ${found.path}`;
};

describe('resolveHookPath', () => {
  const accepted: [path: string, found: string][] = [
    ['a.txt', '/w a.txt'],
    ['sub/./a.txt', '/w sub/a.txt'],
    ['/etc/x', '/ etc/x'],
    ['/a/../b', '/ a/../b'],
    ['~/x', '/ home/u/x'],
    ['~', '/ home/u'],
    ['~/a/../b', '/ home/u/a/../b'],
    ['~x', '/w ~x'],
    ['..a', '/w ..a'],
  ];
  for (const [path, found] of accepted) {
    it(`takes ${path} for ${found}`, async () => expect(await resolve(path)).toBe(found));
  }

  for (const path of ['', '..', '../x', 'a/../../x', 'a/../b', '.', './', '/', 'a\0b']) {
    it(`refuses ${JSON.stringify(path)}`, () => expect(resolve(path)).rejects.toThrow(TypeError));
  }
});
