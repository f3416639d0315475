import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { hostFilesOf } from './host-files.ts';
import { listDirectory } from './list-directory.ts';
import type { ListedDirectory } from './list-directory.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-files-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function list(options: { exclude?: string[]; maxBytes?: number; maxCount?: number } = {}): Promise<ListedDirectory> {
  return listDirectory(directory, { exclude: [], abortSignal: new AbortController().signal, ...options });
}

describe('listDirectory', () => {
  it('lists everything, hidden files and .git included, with sizes and permissions', async () => {
    await mkdir(join(directory, '.git'));
    await mkdir(join(directory, 'empty'));
    await mkdir(join(directory, 'src/deep'), { recursive: true });
    await writeFile(join(directory, '.git/HEAD'), 'ref');
    await writeFile(join(directory, 'src/deep/a.ts'), '12345');
    await writeFile(join(directory, 'run.sh'), '#!');
    await chmod(join(directory, 'run.sh'), 0o4755);
    await chmod(join(directory, 'src/deep/a.ts'), 0o444);
    const { entries, skipped, totalBytes } = await list();
    expect(
      entries.map((entry) => [entry.path, entry.kind === 'file' ? [entry.sizeBytes, entry.mode] : entry.kind]),
    ).toEqual([
      ['.git/HEAD', [3, 0o644]],
      ['empty', 'directory'],
      ['run.sh', [2, 0o755]],
      ['src/deep/a.ts', [5, 0o444]],
    ]);
    expect(skipped).toEqual([]);
    expect(totalBytes).toBe(10);
  });

  it('keeps links that stay inside and follows none', async () => {
    await mkdir(join(directory, 'sub'));
    await writeFile(join(directory, 'sub/file'), 'x');
    await symlink('sub/file', join(directory, 'in'));
    await symlink('..', join(directory, 'sub/up'));
    await symlink('missing', join(directory, 'dangling'));
    await symlink('/etc/passwd', join(directory, 'absolute'));
    await symlink('../../etc', join(directory, 'sub/out'));
    const { entries, skipped } = await list();
    expect(entries).toMatchObject([
      { kind: 'link', path: 'dangling', target: 'missing' },
      { kind: 'link', path: 'in', target: 'sub/file' },
      { kind: 'file', path: 'sub/file' },
      { kind: 'link', path: 'sub/up', target: '..' },
    ]);
    expect(skipped).toEqual([
      { path: 'absolute', reason: 'it is a link that leads outside' },
      { path: 'sub/out', reason: 'it is a link that leads outside' },
    ]);
  });

  it('passes over sockets and what it is told to pass over', async () => {
    await mkdir(join(directory, 'out'));
    await writeFile(join(directory, 'out/old'), 'x');
    const server = createServer().listen(join(directory, 'socket'));
    await once(server, 'listening');
    const { entries, skipped } = await list({ exclude: [join(directory, 'out')] });
    server.close();
    expect(entries).toEqual([]);
    expect(skipped).toEqual([{ path: 'socket', reason: 'it is neither a file nor a directory' }]);
  });

  it('names the limit that a directory is over', async () => {
    await writeFile(join(directory, 'a'), 'x'.repeat(3 * 1024 * 1024));
    await writeFile(join(directory, 'b'), 'x');
    await expect(list({ maxBytes: 2 * 1024 * 1024 })).rejects.toThrow(
      'holds more than 2 MiB (counted up to a); name a smaller directory',
    );
    await expect(list({ maxCount: 1 })).rejects.toThrow('holds more than 1 files (counted up to b)');
  });

  it('stops when it is told to', async () => {
    await writeFile(join(directory, 'a'), 'x');
    await expect(
      listDirectory(directory, { exclude: [], abortSignal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
  });
});

describe('hostFilesOf', () => {
  it('reads what was listed, and refuses what has changed since', async () => {
    await writeFile(join(directory, 'a'), 'same');
    await writeFile(join(directory, 'b'), 'before');
    await writeFile(join(directory, 'c'), 'before');
    await writeFile(join(directory, 'd'), 'before');
    const files = hostFilesOf((await list()).entries);
    await writeFile(join(directory, 'b'), 'longer than before');
    await writeFile(join(directory, 'c'), '');
    await rm(join(directory, 'd'));
    const outcomes = await Promise.all(
      files.map(async (file) => {
        if (!('content' in file) || typeof file.content === 'string') throw new Error('a file was expected');
        try {
          return Buffer.concat(await Array.fromAsync(file.content as AsyncIterable<Buffer>)).toString();
        } catch (error) {
          return error instanceof Error ? error.message.replaceAll(directory, '') : error;
        }
      }),
    );
    expect(outcomes).toEqual([
      'same',
      'cannot read /b: it changed while it was read',
      'cannot read /c: it changed while it was read',
      'cannot read /d: there is no such file or directory',
    ]);
  });
});
