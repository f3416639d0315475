import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { fetchRepository, gitEnvironment } from './fetch-repository.ts';
import { openTaskFiles } from './open-task-files.ts';

const run = promisify(execFile);
let directory: string;
let repository: string;

const AUTHOR = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgSign=false'];

async function git(...args: string[]): Promise<string> {
  const { stdout } = await run('git', ['-C', repository, ...AUTHOR, ...args], { env: gitEnvironment(process.env) });
  return stdout.trim();
}

beforeEach(async (ctx) => {
  await run('git', ['--version']).catch(() => ctx.skip('needs git: install it'));
  directory = await mkdtemp(join(tmpdir(), 'optio-git-'));
  repository = join(directory, 'source');
  await mkdir(repository);
  await git('init', '--quiet', '--initial-branch=main');
  await writeFile(join(repository, 'file'), 'one');
  await git('add', '.');
  await git('commit', '--quiet', '-m', 'one');
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function fetchTo(name: string, ref: string | undefined, url = `file://${repository}`): Promise<string> {
  const target = join(directory, name);
  await mkdir(target);
  await fetchRepository({ url, ref, directory: target, env: process.env, abortSignal: AbortSignal.timeout(30_000) });
  return target;
}

describe('fetchRepository', () => {
  it('fetches the default branch, a branch, a tag and a commit, without their history', async () => {
    const first = await git('rev-parse', 'HEAD');
    await git('tag', 'v1');
    await writeFile(join(repository, 'file'), 'two');
    await git('commit', '--quiet', '-am', 'two');
    await git('branch', 'topic/two');
    await writeFile(join(repository, 'file'), 'three');
    await git('commit', '--quiet', '-am', 'three');

    const contents = [];
    for (const [index, ref] of [undefined, 'topic/two', 'v1', first].entries()) {
      const target = await fetchTo(`copy-${index}`, ref);
      contents.push(await readFile(join(target, 'file'), 'utf8'));
      const { stdout } = await run('git', ['-C', target, 'rev-list', '--count', 'HEAD']);
      expect(stdout.trim()).toBe('1');
    }
    expect(contents).toEqual(['three', 'two', 'one', 'one']);
  });

  it('says what git says when there is no such repository or branch', async () => {
    await expect(fetchTo('a', undefined, `file://${directory}/missing`)).rejects.toMatchObject({
      code: 'FILES_UNREADABLE',
      message: expect.stringContaining(`cannot be fetched: file://${directory}/missing: `),
    });
    await expect(fetchTo('b', 'nope')).rejects.toThrow(/at nope: .*nope/);
  });

  it('runs nothing and speaks no protocol that a repository or its URL could bring along', async () => {
    const mark = join(directory, 'mark');
    await expect(fetchTo('a', undefined, `ext::sh -c touch% ${mark}`)).rejects.toThrow(/not allowed/);
    const template = join(directory, 'template', 'hooks');
    await mkdir(template, { recursive: true });
    await writeFile(join(template, 'post-checkout'), `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
    const target = join(directory, 'b');
    await mkdir(target);
    await fetchRepository({
      url: `file://${repository}`,
      ref: undefined,
      directory: target,
      env: { ...process.env, GIT_TEMPLATE_DIR: join(directory, 'template') },
      abortSignal: AbortSignal.timeout(30_000),
    });
    await expect(stat(mark)).rejects.toThrow('ENOENT');
  });

  it('is not led astray by a repository that happens to be around', async () => {
    const target = join(directory, 'a');
    await mkdir(target);
    await fetchRepository({
      url: `file://${repository}`,
      ref: undefined,
      directory: target,
      env: { ...process.env, GIT_DIR: join(directory, 'elsewhere'), GIT_WORK_TREE: directory },
      abortSignal: AbortSignal.timeout(30_000),
    });
    expect(await readdir(target)).toEqual(['.git', 'file']);
  });
});

describe('openTaskFiles', () => {
  it('hands over a repository and removes its copy in the end', async () => {
    const temporary = join(directory, 'tmp');
    await mkdir(temporary);
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = temporary;
    try {
      const options = { exclude: [], env: process.env, abortSignal: AbortSignal.timeout(30_000) };
      const source = { kind: 'git', url: `file://${repository}`, ref: undefined } as const;
      const files = await openTaskFiles({ source, ...options });
      expect(files.listed.entries.map((entry) => entry.path)).toContain('file');
      expect(await readdir(temporary)).toHaveLength(1);
      await files[Symbol.asyncDispose]();
      expect(await readdir(temporary)).toEqual([]);

      await expect(openTaskFiles({ source: { ...source, ref: 'nope' }, ...options })).rejects.toThrow('nope');
      expect(await readdir(temporary)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });
});
