import assert from 'node:assert/strict';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** A target for hostile archives, with what they must not touch beside it. */
export interface HostileSandbox extends AsyncDisposable {
  /** Where archives go. Holds one file, `kept`. */
  readonly target: string;
  /** Absolute; beside the target. Holds a file called `victim`. */
  readonly outside: string;
  /** Rejects when anything outside the target is not as it was, or anything in it is not a file, directory or tame link. */
  check(): Promise<void>;
  /** Rejects when the target is not as it was. */
  checkUntouched(): Promise<void>;
}

/** Makes a target in a temporary directory. */
export async function createHostileSandbox(): Promise<HostileSandbox> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'optio-hostile-')));
  const target = join(directory, 'target');
  const outside = join(directory, 'outside');
  await mkdir(target, { mode: 0o700 });
  await writeFile(join(target, 'kept'), 'kept');
  await mkdir(join(outside, 'directory'), { recursive: true });
  await writeFile(join(outside, 'victim'), 'victim');
  await symlink('victim', join(outside, 'link'));
  const before = { outside: await describeTree(directory, target), target: await describeTree(target) };

  return {
    target,
    outside,
    async check() {
      assert.deepEqual(await describeTree(directory, target), before.outside);
      for await (const file of walk(target)) {
        const path = String(file);
        const status = await lstat(file);
        assert.ok(status.isFile() || status.isDirectory() || status.isSymbolicLink(), `${path} is something special`);
        assert.equal(status.mode & 0o7000, 0, `${path} has special bits`);
        if (status.isSymbolicLink()) await checkLink(target, file);
      }
    },
    async checkUntouched() {
      assert.deepEqual(await describeTree(target), before.target);
    },
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function checkLink(target: string, file: Buffer): Promise<void> {
  // What leads nowhere leads nowhere outside.
  const end = await realpath(file).catch(() => target);
  assert.ok(end === target || end.startsWith(`${target}/`), `${String(file)} -> ${await readlink(file)} leads out`);
}

/**
 * Goes through a directory.
 *
 * @yields every path below it, as bytes: names need not be UTF-8
 */
async function* walk(directory: string | Buffer): AsyncGenerator<Buffer> {
  for (const name of await readdir(directory, { encoding: 'buffer' })) {
    const file = Buffer.concat([Buffer.from(directory), Buffer.from('/'), name]);
    yield file;
    if ((await lstat(file)).isDirectory()) yield* walk(file);
  }
}

/** All that can be seen of every path, but for what is skipped. */
async function describeTree(directory: string, skipped?: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const path of ['.', ...(await readdir(directory, { recursive: true }))]) {
    const file = join(directory, path);
    if (skipped !== undefined && (file === skipped || file.startsWith(`${skipped}/`))) continue;
    const status = await lstat(file);
    const what = status.isSymbolicLink() ? await readlink(file) : status.isFile() ? await readFile(file, 'utf8') : '';
    // A directory's own time and size change with what comes and goes in it meanwhile.
    const more = status.isDirectory() ? [] : [status.mtimeMs, status.size, status.nlink];
    tree[relative(directory, file)] = [status.ino, status.mode, ...more, what].join(' ');
  }
  return tree;
}
