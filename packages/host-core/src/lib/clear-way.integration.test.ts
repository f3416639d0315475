import { lstat, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { clearWay } from './clear-way.ts';
import { createLocalHost } from './local-host.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(await realpath(tmpdir()), 'optio-way-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

it('removes what stands in the place of our files, and nothing else', async () => {
  await using host = createLocalHost();
  const workdir = join(directory, 'workdir');
  const outside = join(directory, 'outside');
  await mkdir(join(workdir, 'AGENTS.md/deep'), { recursive: true });
  await mkdir(join(workdir, 'kept/way'), { recursive: true });
  await mkdir(join(outside, 'opencode'), { recursive: true });
  await writeFile(join(outside, 'opencode/opencode.json'), 'of somebody else');
  await writeFile(join(workdir, 'kept/way/file'), 'kept');
  await symlink('../outside/opencode/opencode.json', join(workdir, 'opencode.json'));
  await symlink(outside, join(workdir, 'config'));

  const removed = await clearWay(host, workdir, [
    'AGENTS.md',
    'opencode.json',
    'config/opencode/opencode.json',
    'kept/way/file',
    'missing/file',
  ]);

  expect(removed).toEqual(['AGENTS.md', 'opencode.json', 'config']);
  await expect(lstat(join(workdir, 'config'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await readFile(join(outside, 'opencode/opencode.json'), 'utf8')).toBe('of somebody else');
  expect(await readFile(join(workdir, 'kept/way/file'), 'utf8')).toBe('kept');
});

it('does not go through a link in the place of the directory', async () => {
  await using host = createLocalHost();
  await mkdir(join(directory, 'outside/AGENTS.md'), { recursive: true });
  await symlink('outside', join(directory, 'workdir'));
  await expect(clearWay(host, join(directory, 'workdir'), ['AGENTS.md'])).rejects.toThrow('Cannot make room');
  expect((await lstat(join(directory, 'outside/AGENTS.md'))).isDirectory()).toBe(true);
});

it.each(['/etc/passwd', '../other', 'a//b', ''])('refuses the path %j', async (path) => {
  await using host = createLocalHost();
  await expect(clearWay(host, directory, [path])).rejects.toThrow(TypeError);
});
