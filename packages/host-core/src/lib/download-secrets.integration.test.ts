import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestContext } from 'vitest';

import { downloadTools } from '../../test/download-tools.ts';
import { processesRunning, processesWith, until } from '../../test/processes.ts';
import { partOf, redirect, startDownloadServer, whole } from './contract/download-server.ts';
import type { DownloadServer } from './contract/download-server.ts';
import { downloadFile } from './download-file.ts';
import { firstHop, writeHop } from './download-hop.ts';
import { checkDownload } from './download-options.ts';
import { downloadScript } from './download-script.ts';
import { shellScript } from './script.ts';

const content = Buffer.alloc(2_000_000, 'content ');
const sha256 = createHash('sha256').update(content).digest('hex');
const answers = {
  '/file': whole(content),
  '/same': redirect('/file'),
  '/stall': partOf(content, 1000, () => undefined),
  'http://far.invalid/file': whole(content),
};

let directory = '';
let server: DownloadServer;
let other: DownloadServer;
beforeAll(async () => {
  other = await startDownloadServer(answers);
  server = await startDownloadServer({
    ...answers,
    '/other': redirect(`${other.url}/file`),
    '/401': (response) => response.writeHead(401).end(),
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'optio download '));
});
afterEach(() => rmSync(directory, { recursive: true }));

for (const tool of downloadTools) {
  const canHaveSecrets = tool.name !== 'busybox';

  describe(`downloadFile by ${tool.name}`, () => {
    beforeEach((ctx) => {
      if (tool.missing !== undefined) ctx.skip(tool.missing);
    });

    if (canHaveSecrets) {
      it('tells headers and passwords to their server and to nobody else', async () => {
        await using host = tool.open({ home: directory });
        const headers = { 'X-Token': 'to"ken\\ #1', Authorization: 'Bearer s3cret-word' };
        const path = join(directory, 'target');
        const seen = async (url: string, given = headers as Record<string, string>): Promise<unknown> => {
          await downloadFile(host, { url, path, sha256, headers: given });
          const at = url.endsWith('/other') ? other : server;
          const { authorization, 'x-token': token } = at.requests.at(-1)?.headers ?? {};
          return [authorization, token];
        };
        expect(await seen(`${server.url}/same`)).toEqual([headers.Authorization, headers['X-Token']]);
        expect(await seen(`${server.url}/other`)).toEqual([undefined, undefined]);
        const withLogin = `${server.url.replace('//', '//us%3Aer:pa%22ss%40@')}/same`;
        expect(await seen(withLogin, {})).toEqual([`Basic ${btoa('us:er:pa"ss@')}`, undefined]);
        expect(await seen(withLogin.replace('same', 'other'), {})).toEqual([undefined, undefined]);
        const refused = downloadFile(host, {
          url: withLogin.replace('same', '401?key=k3y'),
          path,
          sha256,
          headers: { 'X-A': 'hidden' },
        });
        const error = (await refused.catch((reason: unknown) => reason)) as Error;
        expect(error.message).toContain(`Cannot download ${server.url}/401?… to`);
        expect(error.message).not.toMatch(/pa|us:|us%|k3y|hidden/);
      });

      it('shows no secret in an argv, an environment or a file while it runs', async () => {
        await using host = tool.open({ home: directory });
        const abort = new AbortController();
        const found: unknown[] = [];
        const url = `${server.url.replace('//', '//user:u53r-password@')}/stall?signature=s1gnature`;
        const download = downloadFile(host, {
          url,
          path: join(directory, 'target'),
          sha256,
          headers: { 'X-Token': 't0ken-value' },
          abortSignal: abort.signal,
          onProgress: () => {
            const secrets = ['u53r-password', btoa('user:u53r-password'), 't0ken-value', 's1gnature'];
            found.push(secrets.flatMap((secret) => [...processesRunning(secret), ...processesWith(secret)]));
            for (const name of readdirSync(directory, { recursive: true, withFileTypes: true }))
              if (name.isFile())
                found.push(secrets.filter((one) => readFileSync(join(name.parentPath, name.name)).includes(one)));
            found.push(processesRunning(directory).length > 0);
            abort.abort();
          },
        });
        await expect(download).rejects.toMatchObject({ code: 'ABORTED' });
        expect(found).toEqual([[], [], true]);
      });
    } else {
      it('refuses what busybox would show or not check, before anything is fetched', async () => {
        await using host = tool.open({ home: directory });
        const before = server.requests.length;
        const get = (url: string, headers = {}): Promise<unknown> =>
          downloadFile(host, { url, path: join(directory, 'target'), sha256, headers });
        const code = 'COMMAND_NOT_FOUND';
        const remedy = expect.stringContaining('install curl or GNU wget there') as string;
        await expect(get(`${server.url}/file`, { 'X-A': 'b' })).rejects.toMatchObject({ code, message: remedy });
        await expect(get(server.url.replace('//', '//a:b@'))).rejects.toMatchObject({ code, message: remedy });
        await expect(get(server.url.replace('http', 'https'))).rejects.toMatchObject({ code, message: remedy });
        expect([server.requests.length, readdirSync(directory)]).toEqual([before, []]);
      });
    }

    it('checks certificates', async (ctx) => {
      const tls = makeCertificate(directory, ctx);
      await using secure = await startDownloadServer(answers, tls);
      await using plain = await startDownloadServer({
        '/up': redirect(`${secure.url}/file`),
      });
      await using host = tool.open({ home: directory });
      const path = join(directory, 'target');
      const get = (url: string, options = {}): Promise<unknown> =>
        downloadFile(host, { url, path, sha256, ...options });
      if (canHaveSecrets) {
        await expect(get(`${secure.url}/file`)).rejects.toMatchObject({ failure: 'tls', code: 'DOWNLOAD_FAILED' });
        await get(`${secure.url}/file`, { caFile: tls.file });
        await get(`${plain.url}/up`, { caFile: tls.file });
        expect(statSync(path).size).toBe(content.byteLength);
      } else {
        await expect(get(`${plain.url}/up`)).rejects.toMatchObject({ failure: 'redirect' });
        expect(readdirSync(directory)).not.toContain('target');
      }
    });

    it('is not changed by what the user has configured, but by the proxy of the environment', async () => {
      writeFileSync(join(directory, '.curlrc'), `proxy = "http://127.0.0.1:1"\noutput = "${directory}/elsewhere"\n`);
      writeFileSync(
        join(directory, '.wgetrc'),
        `http_proxy = http://127.0.0.1:1\nuse_proxy = on\noutput_document = x\n`,
      );
      const path = join(directory, 'target');
      await using host = tool.open({ home: directory });
      await downloadFile(host, { url: `${server.url}/file`, path, sha256 });
      await using proxied = tool.open({ home: directory, env: { http_proxy: other.url } });
      await downloadFile(proxied, { url: 'http://far.invalid/file', path, sha256 });
      expect(other.requests.at(-1)?.url).toBe('http://far.invalid/file');
      expect(readdirSync(directory).sort()).toEqual(['.curlrc', '.wgetrc', 'target']);
    });

    it('says what is missing before anything is fetched', async () => {
      const without = ['sha256sum', 'shasum', 'openssl', 'sha512sum'];
      await using bare = tool.open({ home: directory, without });
      const before = server.requests.length;
      const request = { url: `${server.url}/file`, path: join(directory, 'target'), sha256 };
      const unchecked = { code: 'COMMAND_NOT_FOUND', message: expect.stringMatching(/allowUnverified$/) as string };
      await expect(downloadFile(bare, request)).rejects.toMatchObject(unchecked);
      await using none = tool.open({ home: directory, without: [tool.name, 'wget'] });
      const unfetched = {
        code: 'COMMAND_NOT_FOUND',
        message: expect.stringMatching(/neither curl nor wget/) as string,
      };
      await expect(downloadFile(none, request)).rejects.toMatchObject(unfetched);
      expect([server.requests.length, readdirSync(directory)]).toEqual([before, []]);
      const got = await downloadFile(bare, { ...request, allowUnverified: true });
      expect(got.isVerified).toBe(false);
    });

    it('says that the disk is full', async (ctx) => {
      const disk = join(directory, 'disk');
      mkdirSync(disk);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'none', disk], { stdio: 'pipe' });
      } catch {
        return ctx.skip('needs to mount a tmpfs: run it as root');
      }
      try {
        await using host = tool.open({ home: directory });
        const download = downloadFile(host, { url: `${server.url}/file`, path: join(disk, 'target'), sha256 });
        const message = expect.stringContaining('no space left on device') as string;
        await expect(download).rejects.toMatchObject({ code: 'WRITE_FAILED', message });
        expect(readdirSync(disk)).toEqual([]);
      } finally {
        execFileSync('umount', [disk]);
      }
    });

    it('cleans up by itself when nobody listens any more', async () => {
      const options = { url: `${server.url}/stall`, path: join(directory, 'new/target'), sha256 };
      const { parameters } = checkDownload(options);
      await using host = tool.open({ home: directory });
      const { stdout: search } = await host.run(['sh', '-c', 'printf %s "$PATH"']);
      const [program = '', ...words] = shellScript(downloadScript, ...parameters);
      const script = spawn(program, words, { cwd: '/', env: { PATH: search.toString(), HOME: directory } });
      script.stdin.write(writeHop(firstHop(options.url, {}), { caFile: undefined, maxBytes: undefined }));
      await once(script.stdout, 'data');
      expect(readdirSync(join(directory, 'new'))).toHaveLength(1);
      script.stdout.destroy();
      await once(script, 'exit');
      expect(readdirSync(directory)).toEqual([]);
      await until(() => processesRunning(server.url).length === 0, 'the end of the transfer');
    });
  });
}

function makeCertificate(
  at: string,
  ctx: TestContext,
): { readonly file: string; readonly key: string; readonly cert: string } {
  const [file, keyFile] = [join(at, 'ca file.pem'), join(at, 'key.pem')];
  const name = ['-subj', '/CN=optio-ts test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  try {
    execFileSync('openssl', ['req', '-x509', ...kind, ...name, '-keyout', keyFile, '-out', file], { stdio: 'pipe' });
  } catch {
    ctx.skip('needs openssl: apt-get install openssl');
  }
  return { file, key: readFileSync(keyFile, 'utf8'), cert: readFileSync(file, 'utf8') };
}
