import { describe, expect, it } from 'vitest';

import { chooseInstalled } from './choose-installed.ts';

const variants = ['linux-x64', 'linux-x64-baseline'];
const choose = (version: string | undefined, ...names: readonly (string | readonly [string, string])[]) =>
  chooseInstalled(
    names.map((given) => {
      const [name, recorded] = typeof given === 'string' ? [given, undefined] : given;
      return { name, file: name.startsWith('ripgrep') ? 'rg' : 'opencode', version: recorded };
    }),
    { version, variants },
  )?.name;

describe('chooseInstalled', () => {
  it('takes the newest by number, not by letter', () => {
    expect(choose('1.18.33', '1.9.0-linux-x64', '1.18.4-linux-x64', '1.18.30-linux-x64')).toBe('1.18.30-linux-x64');
  });

  it('prefers the better variant only among equal versions', () => {
    expect(choose('1.18.33', '1.18.0-linux-x64-baseline', '1.18.0-linux-x64')).toBe('1.18.0-linux-x64');
    expect(choose('1.18.33', '1.18.1-linux-x64-baseline', '1.18.0-linux-x64')).toBe('1.18.1-linux-x64-baseline');
  });

  it('takes no other major version, no pre-release, no other variant and no other program', () => {
    const none = ['2.0.0-linux-x64', '1.19.0-beta.1-linux-x64', '1.18.0-linux-arm64', 'x-linux-x64'];
    expect(choose('1.18.33', ...none, ['ripgrep-1.18.0-linux-x64', '1.18.0'])).toBeUndefined();
  });

  it('goes by the recorded version where the name has none, and takes any for who wants none in particular', () => {
    const fork = ['sha256-0-linux-x64', '1.20.0-fork.1'] as const;
    expect(choose('1.18.33', ['sha256-1-linux-x64', '1.19.0'], '1.18.0-linux-x64')).toBe('sha256-1-linux-x64');
    expect(choose('1.18.33', fork)).toBeUndefined();
    expect(choose(undefined, fork, '1.18.0-linux-x64')).toBe('sha256-0-linux-x64');
    expect(choose(undefined, '2.0.0-linux-x64', fork)).toBe('2.0.0-linux-x64');
  });
});
