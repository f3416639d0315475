import { describe, expect, it } from 'vitest';

import { judgeVersion } from './judge-version.ts';

const printed = (text: string, exitCode: number | undefined = 0) => ({
  exitCode,
  signal: exitCode === undefined ? 'SIGILL' : undefined,
  stdout: Buffer.from(text),
});

describe('judgeVersion', () => {
  for (const [text, version] of [
    ['1.18.33\n', '1.18.33'],
    ['v1.18.33\n', '1.18.33'],
    ['1.18.33-beta.1', '1.18.33-beta.1'],
    ['ripgrep 15.0.0 (rev 3f2a1b9c8d)\nfeatures:+pcre2', '15.0.0'],
  ] as const) {
    it(`reads ${version} from ${JSON.stringify(text)}`, () => {
      expect(judgeVersion(printed(text))).toEqual({ version });
    });
  }

  it('refuses silence with exit code 0', () => {
    expect(judgeVersion(printed(''))).toHaveProperty('problem', expect.stringContaining('nothing'));
  });

  it('refuses another exit code, a signal, another version and other text', () => {
    expect(judgeVersion(printed('1.18.33', 1))).toHaveProperty('problem');
    expect(judgeVersion({ ...printed('1.18.33'), exitCode: undefined, signal: 'SIGILL' })).toEqual({
      problem: '--version ended with SIGILL',
    });
    expect(judgeVersion(printed('1.18.32'), '1.18.33')).toEqual({
      problem: '--version printed 1.18.32, not 1.18.33',
    });
    expect(judgeVersion(printed('hello'), '1.18.33')).toHaveProperty('problem');
  });
});
