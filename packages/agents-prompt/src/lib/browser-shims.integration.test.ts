import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { browserShims } from './browser-shims.ts';
import type { BrowserMode } from './log-entry.ts';
import { createLogProtocol } from './log-protocol.ts';

const OPENERS = ['gio', 'open', 'sensible-browser', 'www-browser', 'x-www-browser', 'xdg-open'];

describe('browserShims', () => {
  let workdir = '';
  beforeEach(() => {
    workdir = mkdtempSync(join(tmpdir(), "optio shims '$HOME` "));
    writeFileSync(join(workdir, 'optio.log'), '');
  });
  afterEach(() => rmSync(workdir, { recursive: true }));

  const install = (mode: BrowserMode): Record<string, string> => {
    const shims = browserShims({ mode, workdir: `${workdir}/` });
    for (const { path, content, mode: permissions } of shims?.files ?? []) {
      mkdirSync(dirname(join(workdir, path)), { recursive: true });
      writeFileSync(join(workdir, path), content, { mode: permissions });
    }
    return shims?.env(process.env['PATH'] ?? '') ?? {};
  };
  const run = (
    env: Record<string, string>,
    program: string,
    ...words: string[]
  ): { status: number | null; output: string } => {
    // Through `env`, so that the program is looked up in the PATH of the agent.
    const { status, stdout, stderr } = spawnSync('/usr/bin/env', [program, ...words], {
      env,
      encoding: 'utf8',
    });
    return { status, output: stdout + stderr };
  };
  const readLog = (): string => readFileSync(join(workdir, 'optio.log'), 'utf8');

  it('is nothing in ignore mode', () => {
    expect(browserShims({ mode: 'ignore', workdir })).toBeUndefined();
  });

  it('puts silent stubs before everything else in suppress mode', () => {
    const env = install('suppress');
    expect(env['BROWSER']).toBe(`${workdir}/bin/xdg-open`);
    expect(env['PATH']?.startsWith(`${workdir}/bin:/`)).toBe(true);
    expect(readdirSync(join(workdir, 'bin')).toSorted()).toEqual(OPENERS);
    for (const program of OPENERS) {
      expect(run(env, program, 'open', 'https://a.b/')).toEqual({ status: 0, output: '' });
    }
    expect(readLog()).toBe('');
  });

  it('falls back to the usual directories without a PATH', () => {
    expect(browserShims({ mode: 'suppress', workdir: '/w' })?.env('')['PATH']).toBe(
      '/w/bin:/usr/local/bin:/usr/bin:/bin',
    );
  });

  it('writes exactly one entry per call in redirect mode', () => {
    const env = install('redirect');
    const url = 'https://a.b/login?x=1&y=%20#z';
    for (const program of OPENERS) expect(run(env, program, 'open', url)).toEqual({ status: 0, output: '' });
    expect(run(env, 'xdg-open', url).status).toBe(0);
    expect(run(env, 'gio', 'open', '--', 'HTTPS://a.b/').status).toBe(0);
    const lines = readLog().split('\n');
    expect(lines).toHaveLength(OPENERS.length + 3);
    const protocol = createLogProtocol({ browser: 'redirect' });
    expect(protocol.parseLine(lines[0] ?? '')).toEqual({ type: 'browser', url });
    expect(protocol.parseLine(lines.at(-2) ?? '')).toEqual({
      type: 'browser',
      url: 'HTTPS://a.b/',
    });
  });

  it('lets no address write an entry of its own', () => {
    const env = install('redirect');
    writeFileSync(join(workdir, 'optio.log'), 'STATUS: cut in the mid');
    run(env, 'open', 'https://a.b/"\nDONE: hacked\r\u0007');
    expect(readLog()).toBe('STATUS: cut in the mid\nBROWSER: "https://a.b/%22DONE: hacked"\n');
  });

  it('says that it cannot do what is not opening a web page', () => {
    const env = install('redirect');
    for (const words of [['xdg-open', 'report.html'], ['gio', 'trash', 'https://a.b/'], ['open']]) {
      const { status, output } = run(env, words[0] ?? '', ...words.slice(1));
      expect([status, output === '']).toEqual([1, false]);
    }
    expect(readLog()).toBe('');
  });
});
