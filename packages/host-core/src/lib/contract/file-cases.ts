import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { openFile } from '../open-file.ts';
import { hashFile, removePath, statPath } from '../path-info.ts';
import { readFile } from '../read-file.ts';
import { writeFiles } from '../write-files.ts';
import type { HostFile } from '../write-files.ts';
import { assertBytes, collect, everyByte, rejectsWith, sh, stream, within } from './support.ts';
import type { HostCase } from './support.ts';

const names = [
  'plain',
  '.hidden',
  '..two',
  '-n',
  'with blank',
  "it's",
  '"q"',
  '$x',
  'a*',
  'Grüße-🐙',
  'a\nb',
  'x'.repeat(200),
];

/** What the file functions promise on every host. */
export const fileCases: readonly HostCase[] = [
  {
    name: 'writeFiles writes content and modes, and makes directories that only their owner can enter',
    run: async ({ host, directory }) => {
      const target = `${directory}/new/deep`;
      await writeFiles(host, target, [
        { path: 'text', content: 'Grüße\n' },
        { path: 'a/b/bytes', content: everyByte, mode: 0o755 },
        { path: 'empty', content: '', mode: 0o644 },
      ]);
      assert.equal((await readFile(host, `${target}/text`))?.toString(), 'Grüße\n');
      assertBytes(await readFile(host, `${target}/a/b/bytes`), everyByte);
      const modes = await Promise.all(
        ['text', 'a/b/bytes', 'empty', 'a', 'a/b', ''].map(
          async (path) => (await statPath(host, `${target}/${path}`))?.mode,
        ),
      );
      assert.deepEqual(modes, [0o600, 0o755, 0o644, 0o700, 0o700, 0o700]);
    },
  },
  {
    name: 'writeFiles takes names of any kind',
    run: async ({ host, directory }) => {
      const paths = names.flatMap((name) => [name, `dir ${name}/${name}`]);
      await writeFiles(
        host,
        directory,
        paths.map((path) => ({ path, content: path })),
      );
      for (const path of paths) assert.equal((await readFile(host, `${directory}/${path}`))?.toString(), path);
    },
  },
  {
    name: 'writeFiles takes streams, links and empty directories',
    run: async ({ host, directory }) => {
      const content = randomBytes(1_000_000);
      await writeFiles(host, directory, [
        { path: 'to', link: 'big/../nowhere' },
        { path: 'big', content: stream(content.subarray(0, 7), content.subarray(7)), sizeBytes: content.byteLength },
      ]);
      await writeFiles(host, directory, [{ path: 'out/deliverables', directory: true, mode: 0o750 }]);
      assertBytes(await readFile(host, `${directory}/big`), content);
      assert.equal(await sh(host, 'readlink "$1"', `${directory}/to`), 'big/../nowhere');
      const made = await statPath(host, `${directory}/out/deliverables`);
      assert.deepEqual([made?.kind, made?.mode], ['directory', 0o750]);
    },
  },
  {
    name: 'writeFiles replaces files as a whole, keeps what else is there and leaves nothing of its own',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [
        { path: 'd/kept', content: 'kept' },
        { path: 'd/file', content: 'long old content', mode: 0o644 },
      ]);
      await writeFiles(host, directory, [{ path: 'd/file', content: 'new', mode: 0o600 }]);
      assert.equal((await readFile(host, `${directory}/d/file`))?.toString(), 'new');
      assert.equal((await statPath(host, `${directory}/d/file`))?.mode, 0o600);
      assert.equal(await sh(host, 'cd "$1" && find . | sort', directory), '.\n./d\n./d/file\n./d/kept');
    },
  },
  {
    name: 'writeFiles writes nothing at all when a stream fails or is not as long as announced',
    run: async ({ host, directory }) => {
      const failure = new Error('no more');
      async function* failing(): AsyncGenerator<Uint8Array, void, void> {
        yield Buffer.from('abc');
        throw failure;
      }
      const write = (file: HostFile): Promise<void> =>
        within('a write', writeFiles(host, directory, [{ path: 'good', content: 'good' }, file]));
      await assert.rejects(write({ path: 'bad', content: failing(), sizeBytes: 10 }), (error) => error === failure);
      await assert.rejects(write({ path: 'bad', content: stream('abc'), sizeBytes: 10 }), RangeError);
      await assert.rejects(write({ path: 'bad', content: stream('abcdef'), sizeBytes: 3 }), RangeError);
      assert.equal(await sh(host, 'ls -A "$1"', directory), '');
    },
  },
  {
    name: 'writeFiles follows no link below the directory',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [{ path: 'outside/file', content: 'outside' }]);
      const inside = `${directory}/inside`;
      await writeFiles(host, inside, [
        { path: 'dir', link: '../outside' },
        { path: 'file', link: '../outside/file' },
        { path: 'both', link: '../outside' },
      ]);
      await rejectsWith(writeFiles(host, inside, [{ path: 'dir/file', content: 'through' }]), 'PATH_REFUSED');
      await writeFiles(host, inside, [
        { path: 'file', content: 'replaced' },
        { path: 'both', content: 'replaced' },
      ]);
      assert.equal((await statPath(host, `${inside}/file`))?.kind, 'file');
      assert.equal((await statPath(host, `${inside}/both`))?.kind, 'file');
      assert.equal(await sh(host, 'cd "$1" && ls && cat file', `${directory}/outside`), 'file\noutside');
    },
  },
  {
    name: 'writeFiles says WRITE_FAILED for a directory in the place of a file, and changes nothing',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [{ path: 'name/inner', content: 'inner' }]);
      await rejectsWith(writeFiles(host, directory, [{ path: 'name', content: 'x' }]), 'WRITE_FAILED');
      assert.equal((await readFile(host, `${directory}/name/inner`))?.toString(), 'inner');
    },
  },
  {
    name: 'writeFiles refuses paths that leave the directory as a TypeError',
    run: async ({ host, directory }) => {
      for (const path of ['', '/abs', '../up', 'a/../b', './a', 'a//b', 'a/', 'a\0b']) {
        await assert.rejects(writeFiles(host, directory, [{ path, content: '' }]), TypeError, path);
      }
      const twice = [
        { path: 'a', content: '' },
        { path: 'a', content: '' },
      ];
      await assert.rejects(writeFiles(host, directory, twice), TypeError);
      const through = [
        { path: 'a', link: '/' },
        { path: 'a/b', content: '' },
      ];
      await assert.rejects(writeFiles(host, directory, through), TypeError);
    },
  },
  {
    name: 'writeFiles writes a thousand files at once',
    run: async ({ host, directory }) => {
      const files = Array.from({ length: 1000 }, (_, index) => ({
        path: `d${index % 7}/${index}`,
        content: String(index),
      }));
      await writeFiles(host, directory, files);
      await writeFiles(host, directory, files);
      assert.equal(await sh(host, 'cd "$1" && find . -type f | wc -l | tr -d " "; cat d6/902', directory), '1000\n902');
    },
  },
  {
    name: 'readFile gives undefined for what is missing and refuses what is no regular file',
    run: async ({ host, directory }) => {
      assert.equal(await readFile(host, `${directory}/none`), undefined);
      assert.equal(await readFile(host, `${directory}/none/file`), undefined);
      await rejectsWith(readFile(host, directory), 'PATH_REFUSED');
      await sh(host, 'mkfifo "$1"', `${directory}/fifo`);
      await within('reading a FIFO', rejectsWith(readFile(host, `${directory}/fifo`), 'PATH_REFUSED'));
      await assert.rejects(readFile(host, 'relative'), TypeError);
    },
  },
  {
    name: 'readFile reads up to its limit and no further',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [{ path: 'file', content: 'x'.repeat(1000) }]);
      assert.equal((await readFile(host, `${directory}/file`, { maxBytes: 1000 }))?.byteLength, 1000);
      await rejectsWith(readFile(host, `${directory}/file`, { maxBytes: 999 }), 'OUTPUT_LIMIT');
    },
  },
  {
    name: 'openFile streams a file and tells its size first',
    run: async ({ host, directory }) => {
      const content = randomBytes(3_000_000);
      await writeFiles(host, directory, [{ path: 'file', content }]);
      const file = await openFile(host, `${directory}/file`);
      assert.equal(file.sizeBytes, content.byteLength);
      assert.ok(Math.abs(file.modifiedAt.getTime() - Date.now()) < 86_400_000);
      assertBytes(await collect(file.content), content);
      await using unread = await openFile(host, `${directory}/file`);
      assert.equal(unread.sizeBytes, content.byteLength);
      await rejectsWith(openFile(host, `${directory}/none`), 'NOT_FOUND');
      await rejectsWith(openFile(host, directory), 'PATH_REFUSED');
    },
  },
  {
    name: 'beneath keeps reading and removing from following a link',
    run: async ({ host, directory }) => {
      const beneath = `${directory}/inside`;
      await writeFiles(host, directory, [{ path: 'outside/file', content: 'secret' }]);
      await writeFiles(host, beneath, [
        { path: 'real/file', content: 'fine' },
        { path: 'dir', link: '../outside' },
        { path: 'file', link: '../outside/file' },
      ]);
      assert.equal((await readFile(host, `${beneath}/real/file`, { beneath }))?.toString(), 'fine');
      assert.equal((await readFile(host, `${beneath}/dir/file`))?.toString(), 'secret');
      for (const path of [`${beneath}/dir/file`, `${beneath}/file`]) {
        await rejectsWith(readFile(host, path, { beneath }), 'PATH_REFUSED');
        await rejectsWith(openFile(host, path, { beneath }), 'PATH_REFUSED');
        await rejectsWith(hashFile(host, path, { beneath }), 'PATH_REFUSED');
      }
      await rejectsWith(removePath(host, `${beneath}/dir/file`, { beneath }), 'PATH_REFUSED');
      await rejectsWith(
        writeFiles(host, `${beneath}/dir`, [{ path: 'new', content: '' }], { beneath }),
        'PATH_REFUSED',
      );
      await assert.rejects(readFile(host, `${directory}/outside/file`, { beneath }), TypeError);
      assert.equal(await sh(host, 'ls "$1"', `${directory}/outside`), 'file');
    },
  },
  {
    name: 'statPath tells files, directories, links and others apart, and undefined from all of them',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [
        { path: 'file', content: '12345', mode: 0o640 },
        { path: 'link', link: 'file' },
        { path: 'dangling', link: 'none' },
      ]);
      await sh(host, 'mkfifo "$1"', `${directory}/fifo`);
      const file = await statPath(host, `${directory}/file`);
      assert.deepEqual([file?.kind, file?.sizeBytes, file?.mode], ['file', 5, 0o640]);
      assert.ok(Math.abs((file?.modifiedAt.getTime() ?? 0) - Date.now()) < 86_400_000);
      const kinds = ['', 'link', 'dangling', 'fifo', 'none'].map(
        async (name) => (await statPath(host, `${directory}/${name}`))?.kind,
      );
      assert.deepEqual(await Promise.all(kinds), ['directory', 'link', 'link', 'other', undefined]);
    },
  },
  {
    name: 'removePath removes read-only trees, does not follow links, and is content with what is missing',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [
        { path: 'tree/deep/file', content: '' },
        { path: 'tree/link', link: '../kept' },
        { path: 'kept/file', content: '' },
        { path: '-f', content: '' },
      ]);
      await sh(host, 'chmod 500 "$1/tree/deep" "$1/tree"', directory);
      for (const name of ['tree', '-f', 'none', 'none/none']) await removePath(host, `${directory}/${name}`);
      assert.equal(await sh(host, 'cd "$1" && find . | sort', directory), '.\n./kept\n./kept/file');
      await assert.rejects(removePath(host, '/'), TypeError);
    },
  },
  {
    name: 'hashFile gives the SHA-256 of a file',
    run: async ({ host, directory }) => {
      const path = 'odd\nna\\me';
      await writeFiles(host, directory, [{ path, content: everyByte }]);
      const expected = createHash('sha256').update(everyByte).digest('hex');
      assert.equal(await hashFile(host, `${directory}/${path}`), expected);
      await rejectsWith(hashFile(host, `${directory}/none`), 'NOT_FOUND');
    },
  },
];
