import { createHash, randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { downloadTools } from '../../test/download-tools.ts';
import { processesRunning, until } from '../../test/processes.ts';
import { partOf, redirect, startDownloadServer, whole } from './contract/download-server.ts';
import type { DownloadServer } from './contract/download-server.ts';
import { downloadFile } from './download-file.ts';
import type { DownloadFileOptions, DownloadProgress } from './download-options.ts';
import { DownloadFailedError } from './errors.ts';
import type { Host } from './host.ts';

const content = randomBytes(3_000_000);
const sha256 = createHash('sha256').update(content).digest('hex');
const sha512 = createHash('sha512').update(content).digest('base64');

let server: DownloadServer;
let directory = '';
beforeAll(async () => {
  const rest = content.subarray(1_000_000);
  server = await startDownloadServer({
    '/file': whole(content),
    '/chunked': (response) => response.writeHead(200).end(content),
    '/empty': whole(Buffer.alloc(0)),
    // Its second part comes when it has been seen that the first has come.
    '/halves': partOf(content, 1_000_000, (response) => void (sendRest = () => response.end(rest))),
    '/first': redirect('/second', 301),
    '/second': (response, request) =>
      redirect(`http://${request.headers.host}/file?name=a%20b&x='"`, 307)(response, request),
    '/beside': redirect('chunked', 303),
    '/loop': redirect('/loop'),
    '/to-file': redirect('file:///etc/passwd'),
    '/to-ftp': redirect('ftp://127.0.0.1:1/x'),
    '/401': (response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end('who?'),
    '/500': (response) => response.writeHead(500).end('oh'),
    '/206': (response) => response.writeHead(206).end('a part'),
    '/reset': partOf(content, 1_000_000, (response) => response.socket?.resetAndDestroy()),
    '/cut': partOf(content, 1_000_000, (response) => response.socket?.end()),
    '/cut-chunk': (response) => response.writeHead(200).write('abc', () => response.socket?.end()),
    '/stall': partOf(content, 1_000_000, () => undefined),
    '/silent': () => undefined,
  });
});
let sendRest = (): void => undefined;
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'optio download '));
});
afterEach(() => rmSync(directory, { recursive: true }));

for (const tool of downloadTools) {
  describe(`downloadFile by ${tool.name}`, () => {
    let host: Host;
    beforeEach((ctx) => {
      if (tool.missing !== undefined) return ctx.skip(tool.missing);
      host = tool.open({ home: '/nonexistent' });
    });
    afterEach(() => host?.[Symbol.asyncDispose]());

    const get = (path: string, options: Partial<DownloadFileOptions> = {}): ReturnType<typeof downloadFile> =>
      downloadFile(host, { url: server.url + path, path: join(directory, 'target'), sha256, ...options });
    const failureOf = async (
      path: string,
      options: Partial<DownloadFileOptions> = {},
    ): Promise<DownloadFailedError> => {
      const error: unknown = await get(path, options).catch((reason: unknown) => reason);
      if (!(error instanceof DownloadFailedError)) throw error;
      expect(readdirSync(directory)).toEqual([]);
      return error;
    };

    it('fetches with and without a length, makes directories, sets the mode', async () => {
      const path = join(directory, 'new/deep dir', `-o "it's"\n`);
      const got = await get('/file', { path, sha512, mode: 0o4751 });
      expect(got).toEqual({ path, sizeBytes: content.byteLength, isVerified: true });
      expect(readFileSync(path).equals(content)).toBe(true);
      expect(statSync(path).mode & 0o7777).toBe(0o4751);
      expect(statSync(join(directory, 'new')).mode & 0o777).toBe(0o700);
      await get('/chunked');
      expect(readFileSync(join(directory, 'target')).equals(content)).toBe(true);
      expect(statSync(join(directory, 'target')).mode & 0o7777).toBe(0o600);
      const empty = await downloadFile(host, { url: `${server.url}/empty`, path, allowUnverified: true, mode: 0o200 });
      expect(empty).toEqual({ path, sizeBytes: 0, isVerified: false });
      expect(statSync(path).size).toBe(0);
      expect(readdirSync(directory).sort()).toEqual(['new', 'target']);
    });

    it('tells how far it is, and never less than before', async () => {
      const told: DownloadProgress[] = [];
      await get('/halves', {
        onProgress: (progress) => {
          told.push(progress);
          sendRest();
        },
      });
      const [first, last] = [told[0], told.at(-1)];
      expect(first).toEqual({ sizeBytes: expect.any(Number) as number, totalBytes: content.byteLength });
      expect(first?.sizeBytes).toBeLessThan(content.byteLength);
      expect(last).toEqual({ sizeBytes: content.byteLength, totalBytes: content.byteLength });
      const sizes = told.map(({ sizeBytes }) => sizeBytes);
      expect(sizes).toEqual(sizes.toSorted((one, other) => one - other));
    });

    it('follows redirects, of which no body counts', async () => {
      const told: DownloadProgress[] = [];
      await get('/first', { onProgress: (progress) => told.push(progress) });
      expect(readFileSync(join(directory, 'target')).equals(content)).toBe(true);
      expect(told.some(({ sizeBytes }) => sizeBytes < 100)).toBe(false);
      expect(decodeURIComponent(server.requests.at(-1)?.url ?? '')).toBe(`/file?name=a b&x='"`);
      rmSync(join(directory, 'target'));
      if (tool.name === 'busybox') {
        const refused = await failureOf('/beside');
        expect(refused.message).toContain('does not follow');
      } else await get('/beside');
    });

    it('follows neither too many redirects nor those to other schemes', async () => {
      expect(await failureOf('/loop')).toMatchObject({ failure: 'redirect' });
      expect(await failureOf('/first', { maxRedirects: 1 })).toMatchObject({ failure: 'redirect' });
      expect((await failureOf('/first', { maxRedirects: 0 })).message).toContain('more than 0 times');
      expect((await failureOf('/to-file')).message).toMatch(/sent on to a file: address/);
      expect((await failureOf('/to-ftp')).message).toMatch(/sent on to a ftp: address/);
    });

    it('tells what the server answered', async () => {
      for (const status of [401, 404, 500, 206]) {
        const error = await failureOf(`/${status}`);
        expect(error).toMatchObject({ failure: 'status', status, code: 'DOWNLOAD_FAILED' });
        expect(error.message).toContain(`${server.url}/${status} to ${directory}/target on this machine`);
      }
    });

    it('tells how the transfer failed, and leaves nothing', async () => {
      expect(await failureOf('/reset')).toMatchObject({ failure: 'cut-short' });
      expect(await failureOf('/cut')).toMatchObject({ failure: 'cut-short' });
      expect(await failureOf('/cut-chunk')).toMatchObject({ failure: 'cut-short' });
      expect(await failureOf('/stall', { stallMs: 400 })).toMatchObject({ failure: 'stalled' });
      expect(await failureOf('/silent', { stallMs: 400 })).toMatchObject({ failure: 'stalled' });
      expect(await failureOf('/', { url: 'http://nobody.invalid/x' })).toMatchObject({ failure: 'dns' });
      expect(await failureOf('/', { url: 'http://127.0.0.1:1/x' })).toMatchObject({ failure: 'connect' });
    });

    it('takes nothing that is larger than allowed', async () => {
      expect(await failureOf('/file', { maxBytes: content.byteLength - 1 })).toMatchObject({ failure: 'too-large' });
      expect(await failureOf('/chunked', { maxBytes: content.byteLength - 1 })).toMatchObject({ failure: 'too-large' });
      expect(await failureOf('/stall', { maxBytes: 2_000_000 })).toMatchObject({ failure: 'too-large' });
      await get('/chunked', { maxBytes: content.byteLength });
    });

    it('replaces what is there as a whole, and leaves it alone when it fails', async () => {
      const path = join(directory, 'target');
      writeFileSync(path, 'old');
      const wrong = { sha256: sha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) };
      await expect(get('/file', wrong)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
      await expect(get('/file', { sha512: 'A'.repeat(86) + '==' })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
      await expect(get('/file', { ...wrong, allowUnverified: true })).rejects.toThrow(/SHA-256 is [0-9a-f]{64}/);
      await expect(get('/cut')).rejects.toThrow(DownloadFailedError);
      expect(readFileSync(path, 'utf8')).toBe('old');
      await Promise.all(Array.from({ length: 4 }, () => get('/file')));
      expect(readFileSync(path).equals(content)).toBe(true);
      expect(readdirSync(directory)).toEqual(['target']);
    });

    it('says what stands in the place of the file', async () => {
      mkdirSync(join(directory, 'inside/target'), { recursive: true });
      mkdirSync(join(directory, 'outside'));
      symlinkSync('../outside', join(directory, 'inside/link'));
      const beneath = join(directory, 'inside');
      const before = server.requests.length;
      await expect(get('/file', { path: join(beneath, 'target') })).rejects.toMatchObject({ code: 'WRITE_FAILED' });
      for (const path of ['link/target', 'link/new/target'].map((name) => join(beneath, name)))
        await expect(get('/file', { path, beneath })).rejects.toMatchObject({ code: 'PATH_REFUSED' });
      await expect(get('/file', { path: '/dev/null' })).rejects.toMatchObject({ code: 'PATH_REFUSED' });
      expect(server.requests.length).toBe(before);
      expect(readdirSync(join(directory, 'outside'))).toEqual([]);
      await get('/file', { path: join(beneath, 'link'), beneath });
      expect(statSync(join(beneath, 'link')).size).toBe(content.byteLength);
      await get('/file', { path: join(beneath, 'new/er/file'), beneath });
      expect(readdirSync(beneath).sort()).toEqual(['link', 'new', 'target']);
    });

    it('leaves nothing when it is aborted, takes too long, or onProgress throws', async () => {
      const path = join(directory, 'new/target');
      const abort = new AbortController();
      const onProgress = (): void => abort.abort(new Error('enough'));
      const aborted = get('/stall', { path, onProgress, abortSignal: abort.signal });
      await expect(aborted).rejects.toMatchObject({
        code: 'ABORTED',
        message: expect.stringContaining(path) as string,
      });
      await expect(get('/silent', { path, timeoutMs: 500 })).rejects.toMatchObject({ code: 'TIMEOUT' });
      const failure = new Error('not this way');
      const thrower = (): void => {
        throw failure;
      };
      await expect(get('/stall', { path, onProgress: thrower })).rejects.toBe(failure);
      expect(readdirSync(directory)).toEqual([]);
      await until(() => processesRunning(server.url).length === 0, 'the end of the transfers');
    });
  });
}
