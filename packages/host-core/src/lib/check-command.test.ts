import { describe, expect, it } from 'vitest';

import { checkCommand, checkPort } from './check-command.ts';

describe('checkCommand', () => {
  it('takes what a host can run', () => {
    expect(() =>
      checkCommand(['a', '', 'b\n'], { cwd: '/', env: { A_1: '' }, stdin: new Uint8Array(), timeoutMs: 0 }),
    ).not.toThrow();
  });

  it.each([
    [{ env: { '1A': '' } }],
    [{ env: { A: 'secret\0' } }],
    [{ cwd: '.' }],
    [{ timeoutMs: -1 }],
    [{ stdin: {} }],
  ])('refuses %j', (options) => {
    expect(() => checkCommand(['a'], options as object)).toThrow(TypeError);
  });

  it('names what is wrong and no value', () => {
    expect(() => checkCommand(['a', 'secret\0'])).toThrow('Word 1 of the command must not hold a NUL');
    expect(() => checkCommand(['a'], { env: { TOKEN: 'secret\0' } })).toThrow('The value of TOKEN must not hold a NUL');
  });
});

describe('checkPort', () => {
  it('takes 0 only where it may stand for any port', () => {
    expect(() => checkPort(0, 'port')).toThrow(TypeError);
    expect(() => checkPort(0, 'port', true)).not.toThrow();
    expect(() => checkPort(65_535, 'port')).not.toThrow();
  });
});
