import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeDirectories } from './make-directories.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'optio-directories-'));
});
afterAll(() => rm(root, { recursive: true }));

describe('makeDirectories', () => {
  it('makes what is missing, and takes what is there', async () => {
    await makeDirectories(join(root, 'a/b/c'), { mode: 0o700 });
    expect((await stat(join(root, 'a/b'))).mode & 0o777).toBe(0o700);
    await makeDirectories(join(root, 'a/b/c'));
    await symlink('a', join(root, 'link'));
    await makeDirectories(join(root, 'link/d'));
    await makeDirectories('/');
    expect((await stat(join(root, 'a/d'))).isDirectory()).toBe(true);
  });

  it('refuses what is no directory', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(makeDirectories(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeDirectories(join(root, 'file/a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.runIf(process.platform === 'linux')('ends where Node would not', async () => {
    await expect(makeDirectories('/proc/optio/a/b')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
