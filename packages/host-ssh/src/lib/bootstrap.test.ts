import { describe, expect, it } from 'vitest';

import { bootstrapCommand, composeLaunch, parseReady, parseReport } from './bootstrap.ts';

describe('bootstrapCommand', () => {
  it('holds nothing that some login shell would read in its own way', () => {
    const [before, program, middle, script, after] = bootstrapCommand('abc').split("'");
    expect([before, middle, after]).toEqual(['exec env OPTIO_SSH_NONCE=abc OPTIO_SSH_BOOT=', ' sh -c ', '']);
    expect(`${program}${script}`).not.toMatch(/[!\\\n]/);
  });

  it('shows no ready marker when a shell repeats the command', () => {
    expect(bootstrapCommand('abc')).not.toContain('abc-');
  });
});

describe('composeLaunch', () => {
  const launch = { command: ['true'], env: {}, cwd: undefined };

  it('is one line, whatever is in it', () => {
    const text = composeLaunch({ command: ['a\nb', 'c\n'], env: { A: '\n' }, cwd: '/x\ny' });
    expect(text.indexOf('\n')).toBe(text.length - 1);
  });

  it('quotes every word', () => {
    expect(composeLaunch({ ...launch, command: ['a b', "it's", '$(id)', '`id`'] })).toBe(
      String.raw`o_x 'a b' 'it'\''s' '$(id)' '` + '`id`' + "'\n",
    );
  });

  it('sets variables before the directory, and the directory before the command', () => {
    expect(composeLaunch({ command: ['x'], env: { A: '1', B: '2' }, cwd: '/d' })).toBe(
      "export A='1' B='2'; o_c '/d'; o_x 'x'\n",
    );
  });
});

describe('parseReady', () => {
  it('reads pid, start time and the name of the server', () => {
    expect(parseReady('-ready 42 42 123456 sshd')).toEqual({ pid: 42, startTime: '123456', server: 'sshd' });
  });

  it('knows neither start time nor server where there is no /proc', () => {
    expect(parseReady('-ready 42 42 0 ')).toEqual({ pid: 42, startTime: undefined, server: '' });
  });

  it.each(['-ready', '-ready 1', '-ready x 1 2 sshd', '-go'])('refuses %s', (line) => {
    expect(parseReady(line)).toBeUndefined();
  });
});

describe('parseReport', () => {
  it('knows its words and no others', () => {
    expect(['-go', '-cwd', '-cwd-denied', '-missing', '-denied', '-exec', '-', ''].map(parseReport)).toEqual([
      'go',
      'cwd',
      'cwd-denied',
      'missing',
      'denied',
      undefined,
      undefined,
      undefined,
    ]);
  });
});
