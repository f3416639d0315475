import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { archiveDirectory } from '../archive.ts';
import type { ArchiveOptions, ArchiveWarning } from '../archive.ts';
import type { Host } from '../host.ts';
import { statPath } from '../path-info.ts';
import { readFile } from '../read-file.ts';
import { restoreDirectory } from '../restore.ts';
import { writeTar } from '../tar-writer.ts';
import type { TarMember } from '../tar-writer.ts';
import { writeFiles } from '../write-files.ts';
import { assertBytes, collect, everyByte, rejectsWith, sh, stream } from './support.ts';
import type { HostCase } from './support.ts';

const list = (host: Host, directory: string): Promise<string> =>
  sh(host, 'cd "$1" && find . ! -name . | sort', directory);

async function archived(host: Host, directory: string, options?: ArchiveOptions): Promise<string[]> {
  const target = `${directory}.restored`;
  await restoreDirectory(host, target, archiveDirectory(host, directory, options), { links: 'keep' });
  return (await list(host, target)).split('\n').filter((line) => line !== '');
}

/** An archive as somebody else might make it. */
async function forge(...members: (Partial<TarMember> & { readonly name: Buffer })[]): Promise<Buffer> {
  const complete = members.map((member) => {
    const sizeBytes = member.content instanceof Uint8Array ? member.content.byteLength : 0;
    return { type: 'file' as const, mode: 0o644, modifiedSeconds: 0, sizeBytes, ...member };
  });
  return gzipSync(await collect(writeTar(complete)));
}

const named = (name: string): { readonly name: Buffer } => ({ name: Buffer.from(name) });

/** What archives promise on every host. */
export const archiveCases: readonly HostCase[] = [
  {
    name: 'an archive keeps files, modes, links, empty directories and names of any kind',
    run: async ({ host, directory }) => {
      const source = `${directory}/source`;
      const content = randomBytes(2_000_000);
      const long = `${'d'.repeat(120)}/${'ü'.repeat(90)}`;
      await writeFiles(host, source, [
        { path: 'big', content, mode: 0o755 },
        { path: long, content: everyByte },
        { path: '-odd\nname*', content: 'odd' },
        { path: 'empty', directory: true },
        { path: 'file-link', link: 'big' },
        { path: 'dir-link', link: `/${'very/'.repeat(40)}far` },
      ]);
      await sh(host, `cd "$1" && ln big second && : >"$(printf 'no\\377utf8')" && chmod 4755 empty/../second`, source);
      const target = `${directory}/target`;
      const result = await restoreDirectory(host, target, archiveDirectory(host, source), { links: 'keep' });
      assert.deepEqual(result, { entries: 9, bytes: content.byteLength + everyByte.byteLength + 3 });
      assert.equal(await list(host, target), await list(host, source));
      assertBytes(await readFile(host, `${target}/big`), content);
      assertBytes(await readFile(host, `${target}/second`), content);
      assertBytes(await readFile(host, `${target}/${long}`), everyByte);
      assert.equal((await statPath(host, `${target}/second`))?.mode, 0o755);
      assert.equal(await sh(host, 'readlink "$1/dir-link"', target), await sh(host, 'readlink "$1/dir-link"', source));
    },
  },
  {
    name: 'an archive leaves out the default patterns, none, or the given ones alone',
    run: async ({ host, directory }) => {
      const source = `${directory}/source`;
      const paths = [
        '.git/HEAD',
        'a/node_modules/x/y',
        'a/b.pyc',
        'a/__pycache__/c',
        'log/x.log',
        'keep.txt',
        'out/log/z',
      ];
      await writeFiles(
        host,
        source,
        paths.map((path) => ({ path, content: '' })),
      );
      const files = async (exclude?: string[]): Promise<string[]> =>
        (await archived(host, source, exclude === undefined ? {} : { exclude })).filter((path) =>
          paths.includes(path.slice(2)),
        );
      const all = paths.map((path) => `./${path}`).toSorted((one, two) => (one < two ? -1 : 1));
      assert.deepEqual(await files(), ['./keep.txt', './log/x.log', './out/log/z']);
      assert.deepEqual(
        (await files([])).toSorted((one, two) => (one < two ? -1 : 1)),
        all,
      );
      assert.equal((await files(['*.log'])).length, paths.length - 1);
      assert.equal((await files(['log/'])).length, paths.length - 2);
      assert.equal((await files(['out/log'])).length, paths.length - 1);
      assert.equal((await files(['a/*', '[!a]*.txt'])).length, paths.length - 4);
    },
  },
  {
    name: 'an archive takes only what is included, and skips what is missing',
    run: async ({ host, directory }) => {
      const source = `${directory}/source`;
      await writeFiles(
        host,
        source,
        ['a/1', 'a/2', 'b/1', '-c'].map((path) => ({ path, content: path })),
      );
      assert.deepEqual(await archived(host, source, { include: ['a/1', './-c', 'none', 'b'] }), [
        './-c',
        './a',
        './a/1',
        './b',
        './b/1',
      ]);
      assert.deepEqual(await archived(host, source, { include: ['none'] }), []);
      assert.throws(() => archiveDirectory(host, source, { include: ['../x'] }), TypeError);
    },
  },
  {
    name: 'an archive is not read through a link',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [
        { path: 'outside/secret', content: 'secret' },
        { path: 'inside/dir', link: '../outside' },
      ]);
      const inside = `${directory}/inside`;
      await rejectsWith(collect(archiveDirectory(host, inside, { include: ['dir/secret'] })), 'ARCHIVE_FAILED');
      const beneath = inside;
      await rejectsWith(collect(archiveDirectory(host, `${inside}/dir`, { beneath })), 'PATH_REFUSED');
      await rejectsWith(restoreDirectory(host, `${inside}/dir`, stream(await forge()), { beneath }), 'PATH_REFUSED');
      assert.deepEqual(await archived(host, inside), ['./dir']);
    },
  },
  {
    name: 'an archive says NOT_FOUND for a missing directory and OUTPUT_LIMIT for one that is too large',
    run: async ({ host, directory }) => {
      await rejectsWith(collect(archiveDirectory(host, `${directory}/none`)), 'NOT_FOUND');
      await writeFiles(host, directory, [{ path: 'file', content: 'x'.repeat(5000) }]);
      await rejectsWith(collect(archiveDirectory(host, directory, { maxBytes: 4000 })), 'OUTPUT_LIMIT');
    },
  },
  {
    name: 'an archive leaves out special files and says so',
    run: async ({ host, directory }) => {
      const source = `${directory}/source`;
      await writeFiles(host, source, [{ path: 'file', content: '' }]);
      await sh(host, 'mkfifo "$1/pipe"', source);
      const warnings: ArchiveWarning[] = [];
      assert.deepEqual(await archived(host, source, { onWarning: (warning) => warnings.push(warning) }), ['./file']);
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['MEMBER_SKIPPED'],
      );
      assert.match(warnings[0]?.message ?? '', /pipe/);
    },
  },
  {
    name: 'an archive that is no longer wanted ends the far side',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [{ path: 'file', content: randomBytes(20_000_000) }]);
      for await (const chunk of archiveDirectory(host, directory)) {
        assert.notEqual(chunk.byteLength, 0);
        break;
      }
      assert.equal((await host.run(['true'])).exitCode, 0);
      const controller = new AbortController();
      const read = async (): Promise<void> => {
        const { signal: abortSignal } = controller;
        for await (const chunk of archiveDirectory(host, directory, { abortSignal })) {
          if (chunk.byteLength > 0) controller.abort();
        }
      };
      await rejectsWith(read(), 'ABORTED');
    },
  },
  {
    name: 'restoring removes what was there, or keeps it and puts the archive over it',
    run: async ({ host, directory }) => {
      const target = `${directory}/target`;
      const old = [
        { path: 'old', content: 'old' },
        { path: 'd/old', content: 'old' },
        { path: 'd/file', content: 'old' },
      ];
      const archive = await forge(
        { ...named('d'), type: 'directory' },
        { ...named('d/file'), content: Buffer.from('new') },
      );
      await writeFiles(host, target, old);
      await restoreDirectory(host, target, stream(archive), { existing: 'keep' });
      assert.equal(await list(host, target), './d\n./d/file\n./d/old\n./old');
      await sh(host, 'chmod 500 "$1/d"', target);
      await restoreDirectory(host, target, stream(archive));
      assert.equal(await list(host, target), './d\n./d/file');
      assert.equal((await readFile(host, `${target}/d/file`))?.toString(), 'new');
    },
  },
  {
    name: 'restoring refuses what would leave the directory, names the member and changes nothing',
    run: async ({ host, directory }) => {
      const target = `${directory}/target`;
      await writeFiles(host, target, [{ path: 'old', content: 'old' }]);
      const link = (name: string, to: string): Partial<TarMember> & { readonly name: Buffer } => ({
        ...named(name),
        type: 'symlink',
        target: Buffer.from(to),
      });
      const hostile: [string, Buffer][] = [
        ['/absolute', await forge(named('/absolute'))],
        ['../up', await forge(named('../up'))],
        ['a/../../up', await forge(named('a/../../up'))],
        ['abs-link', await forge(link('abs-link', '/etc'))],
        ['up-link', await forge(link('d/up-link', '../../x'))],
        ['via', await forge(link('d/via', 'x/../../../y'))],
        ['beneath', await forge(link('l', 'd'), link('l/beneath', 'x'))],
        ['hard', await forge({ ...named('hard'), type: 'link', target: Buffer.from('../old') })],
      ];
      for (const [name, archive] of hostile) {
        const restored = restoreDirectory(host, target, stream(Buffer.from(await forge(named('good'))), archive));
        const error = await rejectsWith(restored, 'ARCHIVE_REFUSED');
        assert.ok(error.message.includes(name), `${error.message} does not name ${name}`);
        assert.equal(await list(host, target), './old');
      }
      assert.equal(await list(host, directory), './target\n./target/old');
    },
  },
  {
    name: 'restoring writes through no link of the archive, nor through one that is there',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [{ path: 'outside/file', content: 'outside' }]);
      const target = `${directory}/target`;
      const through = await forge(
        { ...named('dir'), type: 'symlink', target: Buffer.from('../outside') },
        { ...named('dir/file'), content: Buffer.from('through') },
      );
      await restoreDirectory(host, target, stream(through), { links: 'keep' }).catch(() => undefined);
      await writeFiles(host, target, [{ path: 'dir', link: '../outside' }]).catch(() => undefined);
      const plain = await forge({ ...named('dir/file'), content: Buffer.from('through') });
      await restoreDirectory(host, target, stream(plain), { existing: 'keep' }).catch(() => undefined);
      assert.equal((await readFile(host, `${directory}/outside/file`))?.toString(), 'outside');
      assert.equal(await list(host, `${directory}/outside`), './file');
    },
  },
  {
    name: 'restoring changes nothing when the archive is cut short, is none, is too large, or its source fails',
    run: async ({ host, directory }) => {
      const target = `${directory}/target`;
      await writeFiles(host, target, [{ path: 'old', content: 'old' }]);
      const archive = await forge({ ...named('file'), content: randomBytes(300_000) });
      const refused = (content: Uint8Array, maxBytes?: number): Promise<unknown> =>
        rejectsWith(
          restoreDirectory(host, target, stream(content), maxBytes === undefined ? {} : { maxBytes }),
          'ARCHIVE_REFUSED',
        );
      await refused(archive.subarray(0, archive.byteLength / 2));
      await refused(Buffer.from('this is no gzip'));
      await refused(gzipSync('this is no tar'.repeat(100)));
      await refused(archive, 299_999);
      const failure = new Error('the store is gone');
      async function* failing(): AsyncGenerator<Uint8Array, void, void> {
        yield archive.subarray(0, 100_000);
        throw failure;
      }
      await assert.rejects(restoreDirectory(host, target, failing()), (error) => error === failure);
      assert.equal(await list(host, target), './old');
    },
  },
  {
    name: 'restoring takes only what its filter lets through',
    run: async ({ host, directory }) => {
      const archive = await forge(named('a/1'), named('a/2'), named('b'));
      const asked: string[] = [];
      const result = await restoreDirectory(host, `${directory}/target`, stream(archive), {
        filter: (path) => asked.push(path) > 0 && path.startsWith('a/'),
      });
      assert.deepEqual(asked, ['a/1', 'a/2', 'b']);
      assert.deepEqual(result, { entries: 2, bytes: 0 });
      assert.equal(await list(host, `${directory}/target`), './a\n./a/1\n./a/2');
    },
  },
];
