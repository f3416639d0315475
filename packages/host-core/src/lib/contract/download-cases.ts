import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { downloadFile } from '../download-file.ts';
import type { DownloadProgress } from '../download-options.ts';
import { statPath } from '../path-info.ts';
import { readFile } from '../read-file.ts';
import { writeFiles } from '../write-files.ts';
import { partOf, redirect, startDownloadServer, whole } from './download-server.ts';
import { assertBytes, rejectsWith, sh, within } from './support.ts';
import type { HostCase } from './support.ts';

const content = randomBytes(300_000);
const sha256 = createHash('sha256').update(content).digest('hex');

/** A digest that no file of these cases has. */
export const wrongDigest: string = '0123456789abcdef'.repeat(4);

/** What `downloadFile` promises, with curl or wget, or with busybox alone. */
export const downloadCases: readonly HostCase[] = [
  {
    name: 'downloadFile fetches through redirects, checks the digest on the host and sets the mode',
    run: async ({ host, directory }) => {
      await using server = await startDownloadServer({
        '/a': redirect('/b'),
        '/b': redirect('/c', 307),
        '/c': whole(content),
      });
      const path = `${directory}/new/it's "x"`;
      const got = await within('a download', downloadFile(host, { url: `${server.url}/a`, path, sha256, mode: 0o755 }));
      assert.deepEqual(got, { path, sizeBytes: content.byteLength, isVerified: true });
      assertBytes(await readFile(host, path), content);
      assert.equal((await statPath(host, path))?.mode, 0o755);
      assert.equal(await sh(host, 'ls -A "$1" "$1/new" | wc -l | tr -d " "', directory), '5');
    },
  },
  {
    name: 'downloadFile tells how far it is while more is to come',
    run: async ({ host, directory }) => {
      const isSeen = Promise.withResolvers<string>();
      const sendRest = async (end: () => void): Promise<void> => {
        // The ceiling: a host that tells nothing is let come to its end.
        await Promise.race([isSeen.promise, delay(5000)]);
        isSeen.resolve('not before the end');
        end();
      };
      await using server = await startDownloadServer({
        '/': partOf(content, 100_000, (response) => void sendRest(() => response.end(content.subarray(100_000)))),
      });
      const told: DownloadProgress[] = [];
      const onProgress = (progress: DownloadProgress): void => {
        told.push(progress);
        isSeen.resolve('in the middle');
      };
      await downloadFile(host, { url: server.url, path: `${directory}/file`, sha256, onProgress });
      assert.equal(await isSeen.promise, 'in the middle');
      const totalBytes = content.byteLength;
      assert.deepEqual(told.at(-1), { sizeBytes: totalBytes, totalBytes });
      const sizes = told.map(({ sizeBytes }) => sizeBytes);
      assert.deepEqual(
        sizes,
        sizes.toSorted((one, other) => one - other),
      );
    },
  },
  {
    name: 'downloadFile leaves what was there when the digest is another one',
    run: async ({ host, directory }) => {
      await using server = await startDownloadServer({ '/': whole(content) });
      await writeFiles(host, directory, [{ path: 'file', content: 'old' }]);
      const request = { url: server.url, path: `${directory}/file` };
      await rejectsWith(downloadFile(host, { ...request, sha256: wrongDigest }), 'DIGEST_MISMATCH');
      assert.equal((await readFile(host, request.path))?.toString(), 'old');
      assert.equal(await sh(host, 'ls -A "$1"', directory), 'file');
      await downloadFile(host, { ...request, sha256 });
      assertBytes(await readFile(host, request.path), content);
    },
  },
  {
    name: 'downloadFile says DOWNLOAD_FAILED for an answer that is no file, and for half a file, and leaves nothing',
    run: async ({ host, directory }) => {
      await using server = await startDownloadServer({
        '/half': partOf(content, 1000, (response) => response.socket?.destroy()),
        '/loop': redirect('/loop'),
        '/elsewhere': redirect('file:///etc/passwd'),
      });
      const path = `${directory}/deep/file`;
      for (const name of ['none', 'half', 'loop', 'elsewhere']) {
        const url = `${server.url}/${name}?secret`;
        const error = await rejectsWith(
          downloadFile(host, { url, path, allowUnverified: true, maxRedirects: 2 }),
          'DOWNLOAD_FAILED',
        );
        assert.ok(error.message.includes(`${server.url}/${name}`), error.message);
        assert.ok(!error.message.includes('secret'), error.message);
      }
      assert.equal(await sh(host, 'ls -A "$1"', directory), '');
    },
  },
  {
    name: 'downloadFile gives up what brings no byte, and what is too large',
    run: async ({ host, directory }) => {
      await using server = await startDownloadServer({
        '/stall': partOf(content, 1000, () => undefined),
        '/large': whole(content),
      });
      const get = (name: string, options: { stallMs?: number; maxBytes?: number }): Promise<unknown> =>
        downloadFile(host, { url: `${server.url}/${name}`, path: `${directory}/file`, sha256, ...options });
      const stalled = await rejectsWith(within('a stall', get('stall', { stallMs: 400 })), 'DOWNLOAD_FAILED');
      assert.match(stalled.message, /nothing has come for 400 ms/);
      const large = await rejectsWith(get('large', { maxBytes: content.byteLength - 1 }), 'DOWNLOAD_FAILED');
      assert.match(large.message, /larger than 299999 bytes/);
      assert.equal(await sh(host, 'ls -A "$1"', directory), '');
    },
  },
  {
    name: 'downloadFile that is aborted leaves neither a file nor a connection',
    run: async ({ host, directory }) => {
      const closed = Promise.withResolvers<void>();
      const abort = new AbortController();
      await using server = await startDownloadServer({
        '/': (response, request) => {
          void once(request.socket, 'close').then(() => closed.resolve());
          partOf(content, 1000, () => undefined)(response, request);
        },
      });
      const download = downloadFile(host, {
        url: server.url,
        path: `${directory}/deep/file`,
        sha256,
        onProgress: () => abort.abort(),
        abortSignal: abort.signal,
      });
      await rejectsWith(within('an aborted download', download), 'ABORTED');
      assert.equal(await sh(host, 'ls -A "$1"', directory), '');
      await within('the end of the connection', closed.promise);
    },
  },
  {
    name: 'downloadFile follows no link below beneath, and replaces one in the place of the file',
    run: async ({ host, directory }) => {
      await using server = await startDownloadServer({ '/': whole(content) });
      const beneath = `${directory}/inside`;
      await writeFiles(host, directory, [{ path: 'outside/file', content: 'outside' }]);
      await writeFiles(host, beneath, [
        { path: 'dir', link: '../outside' },
        { path: 'file', link: '../outside/file' },
      ]);
      const get = (name: string): Promise<unknown> =>
        downloadFile(host, { url: server.url, path: `${beneath}/${name}`, beneath, sha256 });
      await rejectsWith(get('dir/file'), 'PATH_REFUSED');
      await rejectsWith(get('dir/new/file'), 'PATH_REFUSED');
      assert.equal(server.requests.length, 0);
      await get('file');
      assert.equal((await statPath(host, `${beneath}/file`))?.kind, 'file');
      assert.equal(await sh(host, 'cd "$1" && ls && cat file', `${directory}/outside`), 'file\noutside');
    },
  },
];
