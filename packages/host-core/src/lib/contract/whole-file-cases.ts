import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile as readHere, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { fetchFile } from '../fetch-file.ts';
import { openFile } from '../open-file.ts';
import { hashFile, statPath } from '../path-info.ts';
import { pushFile } from '../push-file.ts';
import { readFile } from '../read-file.ts';
import { writeFiles } from '../write-files.ts';
import { assertBytes, collect, rejectsWith, sh, stream, within } from './support.ts';
import type { HostCase } from './support.ts';

/** Large enough to be offered to several channels, and not a round number of anything. */
const large = (): Buffer => Buffer.concat([randomBytes(16 * 1024 * 1024), randomBytes(1_234_567)]);

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function* pieces(content: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < content.byteLength; at += size) yield content.subarray(at, at + size);
}

/** What the functions for single files of any size promise on every host. */
export const wholeFileCases: readonly HostCase[] = [
  {
    name: 'pushFile writes files of any size with their mode, makes directories and leaves nothing of its own',
    run: async ({ host, directory }) => {
      const content = large();
      const sizeBytes = content.byteLength;
      const target = `${directory}/a b/deep`;
      let progress = 0;
      await pushFile(host, `${target}/-large`, pieces(content, 100_000), {
        sizeBytes,
        mode: 0o755,
        sha256: digest(content),
        onProgress: (bytes) => (progress = bytes),
      });
      await pushFile(host, `${target}/small`, stream('sma', 'll'), { sizeBytes: 5 });
      await pushFile(host, `${target}/empty`, stream(), { sizeBytes: 0 });
      assert.equal(await hashFile(host, `${target}/-large`), digest(content));
      assert.equal(progress, sizeBytes);
      assert.equal((await readFile(host, `${target}/small`))?.toString(), 'small');
      const modes = await Promise.all(
        ['-large', 'small', 'empty', '', '..'].map(async (name) => (await statPath(host, `${target}/${name}`))?.mode),
      );
      assert.deepEqual(modes, [0o755, 0o600, 0o600, 0o700, 0o700]);
      assert.equal(await sh(host, 'cd "$1" && ls -A', target), '-large\nempty\nsmall');
    },
  },
  {
    name: 'pushFile keeps what is there when its source fails, is too short, too long or not what was announced',
    run: async ({ host, directory }) => {
      const path = `${directory}/file`;
      await writeFiles(host, directory, [{ path: 'file', content: 'old' }]);
      const failure = new Error('no more');
      for (const content of [Buffer.from('content'), large()]) {
        const sizeBytes = content.byteLength;
        async function* failing(): AsyncGenerator<Uint8Array, void, void> {
          yield content.subarray(0, sizeBytes - 1);
          throw failure;
        }
        const push = (source: AsyncIterable<Uint8Array>, more: object = {}): Promise<void> =>
          within('a push', pushFile(host, path, source, { sizeBytes, ...more }));
        await assert.rejects(push(failing()), (error) => error === failure);
        await rejectsWith(push(stream(content), { sha256: digest(Buffer.from('other')) }), 'DIGEST_MISMATCH');
      }
      const small = (...source: string[]): Promise<void> => pushFile(host, path, stream(...source), { sizeBytes: 7 });
      await rejectsWith(small('conten'), 'DIGEST_MISMATCH');
      await rejectsWith(small('content', 's'), 'DIGEST_MISMATCH');
      await assert.rejects(pushFile(host, path, stream(''), { sizeBytes: -1 }), TypeError);
      assert.equal(await sh(host, 'cd "$1" && ls -A && cat file', directory), 'file\nold');
    },
  },
  {
    name: 'pushFile replaces a link, follows none beneath a trusted directory, and refuses a directory in its place',
    run: async ({ host, directory }) => {
      const beneath = `${directory}/inside`;
      await writeFiles(host, directory, [{ path: 'outside/file', content: 'outside' }]);
      await writeFiles(host, beneath, [
        { path: 'dir', link: '../outside' },
        { path: 'file', link: '../outside/file' },
        { path: 'real', directory: true },
      ]);
      const push = (name: string): Promise<void> =>
        pushFile(host, `${beneath}/${name}`, stream('new'), { sizeBytes: 3, beneath });
      await rejectsWith(push('dir/file'), 'PATH_REFUSED');
      await rejectsWith(push('real'), 'WRITE_FAILED');
      await push('file');
      await push('dir');
      assert.equal((await statPath(host, `${beneath}/file`))?.kind, 'file');
      assert.equal((await statPath(host, `${beneath}/dir`))?.kind, 'file');
      assert.equal(await sh(host, 'cd "$1" && ls && cat file', `${directory}/outside`), 'file\noutside');
    },
  },
  {
    name: 'pushFile ends at once when it is aborted while its source says nothing, and leaves nothing',
    run: async ({ host, directory }) => {
      const controller = new AbortController();
      async function* silent(): AsyncGenerator<Uint8Array, void, void> {
        yield Buffer.alloc(1000);
        setTimeout(() => controller.abort(), 50);
        await new Promise<never>(() => undefined);
      }
      const sizeBytes = 32 * 1024 * 1024;
      const push = pushFile(host, `${directory}/file`, silent(), { sizeBytes, abortSignal: controller.signal });
      await within('the push', rejectsWith(push, 'ABORTED'));
      assert.equal(await sh(host, 'ls -A "$1"', directory), '');
    },
  },
  {
    name: 'openFile streams a large file, and stops when its reader does',
    run: async ({ host, directory }) => {
      const content = large();
      const path = `${directory}/large`;
      await pushFile(host, path, stream(content), { sizeBytes: content.byteLength });
      const opened = await openFile(host, path, { beneath: directory });
      assert.equal(opened.sizeBytes, content.byteLength);
      assert.equal(digest(await collect(opened.content)), digest(content));
      const again = await openFile(host, path);
      for await (const chunk of again.content) {
        assertBytes(chunk, content.subarray(0, chunk.byteLength));
        break;
      }
      await within('its end', Promise.resolve(again[Symbol.asyncDispose]()));
    },
  },
  {
    name: 'fetchFile copies a file to this machine, whole or not at all',
    run: async ({ host, directory }) => {
      const here = await mkdtemp(join(tmpdir(), 'optio-fetch-case-'));
      try {
        const content = large();
        await pushFile(host, `${directory}/large`, stream(content), { sizeBytes: content.byteLength });
        await writeFiles(host, directory, [{ path: 'small', content: 'small' }]);
        const target = join(here, 'file');
        await fetchFile(host, `${directory}/small`, target);
        assert.equal(await readHere(target, 'utf8'), 'small');
        const other = { sha256: digest(Buffer.from('other')) };
        await rejectsWith(fetchFile(host, `${directory}/large`, target, other), 'DIGEST_MISMATCH');
        await rejectsWith(fetchFile(host, `${directory}/none`, target), 'NOT_FOUND');
        assert.equal(await readHere(target, 'utf8'), 'small');
        await fetchFile(host, `${directory}/large`, target, { sha256: digest(content), mode: 0o755 });
        assert.equal(digest(await readHere(target)), digest(content));
        assert.equal((await stat(target)).mode & 0o777, 0o755);
        assert.deepEqual(await readdir(here), ['file']);
      } finally {
        await rm(here, { recursive: true, force: true });
      }
    },
  },
];
