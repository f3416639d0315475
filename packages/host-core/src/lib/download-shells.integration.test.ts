import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { processesRunning, until } from '../../test/processes.ts';
import { partOf, redirect, startDownloadServer, whole } from './contract/download-server.ts';
import { downloadFile } from './download-file.ts';
import { createLocalHost } from './local-host.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'optio download '));
});
afterEach(() => rmSync(directory, { recursive: true }));

// ksh's kind passes no descriptor above 2 on to programs, and has no printf of its own; yash and zsh split words their own way.
describe.for(['dash', 'bash', 'mksh', 'yash', 'zsh'])('downloadFile where sh is %s', (shell) => {
  const content = Buffer.alloc(200_000, 'content ');

  it('fetches, tells, gives up, and leaves nothing when the host is closed', async (ctx) => {
    const bin = join(directory, 'bin');
    const target = join(directory, 'in');
    mkdirSync(bin);
    mkdirSync(target);
    try {
      symlinkSync(
        execFileSync('sh', ['-c', 'command -v "$1"', 'sh', shell], { encoding: 'utf8' }).trim(),
        join(bin, 'sh'),
      );
    } catch {
      return ctx.skip(`needs ${shell}: apt-get install ${shell}`);
    }
    await using server = await startDownloadServer({
      '/': redirect('/file'),
      '/file': whole(content),
      '/stall': partOf(content, 1000, () => undefined),
    });
    await using host = createLocalHost({ env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: directory } });
    const request = {
      url: server.url,
      path: join(target, 'file'),
      allowUnverified: true,
      headers: { 'X-Token': 's3cret' },
    };
    await downloadFile(host, { ...request, mode: 0o640 });
    expect(server.requests.at(-1)?.headers['x-token']).toBe('s3cret');
    expect(readFileSync(request.path).equals(content)).toBe(true);
    rmSync(request.path);

    const stalled = downloadFile(host, { ...request, url: `${server.url}/stall`, stallMs: 400 });
    await expect(stalled).rejects.toMatchObject({ failure: 'stalled' });
    expect(readdirSync(target)).toEqual([]);

    const seen: number[] = [];
    const onProgress = (): void => {
      seen.push(...processesRunning('s3cret'));
      void host[Symbol.asyncDispose]();
    };
    const disposed = downloadFile(host, { ...request, url: `${server.url}/stall`, onProgress });
    await expect(disposed).rejects.toMatchObject({ code: 'DISPOSED' });
    expect([seen, readdirSync(target)]).toEqual([[], []]);
    await until(() => processesRunning(target).length === 0, 'the end of the transfers');
  });
});
