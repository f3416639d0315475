import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { callOptio } from './testing/call-optio.ts';
import { digestTree } from './testing/digest-tree.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-first-'));
  await mkdir(join(directory, '.local/share/opencode'), { recursive: true });
  await writeFile(join(directory, 'no-seed'), 'text\n');
  await writeFile(join(directory, 'task.yaml'), 'task: x\nseed: 65a1b2c3d4e5f60718293a4b\n');
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** What would make the first store, and cannot be done. */
const CALLS: readonly (readonly [call: string, code: number, line: RegExp])[] = [
  ['seeds capture --from-home', 2, /^optio: Nothing to keep as a seed/],
  ['seeds capture .', 2, /^optio: Nothing to keep as a seed/],
  ['seeds import no-seed', 5, /^optio: .*seed file/],
  ['run task.yaml', 2, /^task.yaml:2: seed: is not in the store/],
  ['run task.yaml --detach', 2, /^task.yaml:2: seed: is not in the store/],
];

describe('a first call that is refused', () => {
  it('makes neither a store nor a key', async () => {
    for (const [call, code, line] of CALLS) {
      const before = await digestTree(directory);
      const result = await callOptio(call.split(' '), { directory });
      expect(result.stderr, call).toMatch(line);
      expect(result, call).toMatchObject({ code, stdout: '' });
      expect(await digestTree(directory), call).toEqual(before);
    }
  });

  it('is followed by one that makes them', async () => {
    await writeFile(join(directory, '.local/share/opencode/auth.json'), '{"a":{"type":"api","key":"sk-own-key"}}');
    expect((await callOptio(['seeds', 'capture', '--from-home'], { directory })).code).toBe(2);
    const kept = await callOptio(['seeds', 'capture', '--from-home', '--model', 'a/b'], { directory });
    expect(kept.stderr).toMatch(/^made a new key/);
    expect(kept.code).toBe(0);
    expect(await readdir(join(directory, '.local/share/optio'))).toContain('optio.db');
  });
});

describe('the README of the repository', () => {
  it('has a task and a command that lack nothing but the key, where its reader stands', async () => {
    const repository = fileURLToPath(new URL('../../../..', import.meta.url));
    const readme = await readFile(join(repository, 'README.md'), 'utf8');
    const [, task = ''] = /^`report\.yaml`:\n\n```yaml\n(.*?)^```$/ms.exec(readme) ?? [];
    const [, words = ''] = /^npx -y pnpm@12 optio (run .*)$/m.exec(readme) ?? [];
    await writeFile(join(directory, 'report.yaml'), task);
    await mkdir(join(directory, 'src'));
    const { scripts } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    // As pnpm runs a script: from the package's folder, with the reader's own in a variable.
    const { status, stderr, stdout } = spawnSync('sh', ['-c', `${scripts['optio']} ${words}`], {
      cwd: repository,
      env: {
        PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
        HOME: directory,
        INIT_CWD: directory,
      },
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/^report\.yaml:\d+: model\.apiKey: the environment variable OPENAI_API_KEY is not set.*\n$/);
    expect([status, stdout]).toEqual([2, '']);
  });
});
