import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startProxy, startRegistry } from '../../test/loopback-registry.ts';
import type { LoopbackServer } from '../../test/loopback-registry.ts';
import { loadNpmSettings } from './npm-config.ts';
import { findTarball, openTarball } from './npm-fetch.ts';
import type { NpmRequest } from './npm-fetch.ts';

let home: string;
const tarball = Buffer.alloc(100_000, 'tarball');

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'optio-npm-fetch-'));
});

afterAll(async () => {
  await rm(home, { recursive: true });
});

async function requestTo(
  registry: string,
  env: Readonly<Record<string, string>> = {},
  abortSignal?: AbortSignal,
): Promise<NpmRequest> {
  const settings = await loadNpmSettings({
    env: {
      HOME: home,
      npm_config_registry: registry,
      npm_config_fetch_retries: '0',
      ...env,
    },
  });
  return { name: 'tool', version: '1.0.0', settings, abortSignal };
}

async function download(request: NpmRequest, url?: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await openTarball(request, url)).content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const start = async (options: Omit<Parameters<typeof startRegistry>[0], 'packages'> = {}): Promise<LoopbackServer> =>
  startRegistry({ packages: { 'tool@1.0.0': tarball }, ...options });

describe('openTarball', () => {
  it('finds a tarball where convention says, with its size', async () => {
    await using registry = await start();
    const request = await requestTo(registry.url);
    const { content, totalBytes } = await openTarball(request);
    expect(totalBytes).toBe(tarball.length);
    for await (const chunk of content) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await download(request)).equals(tarball)).toBe(true);
    expect(registry.requests[0]?.url).toBe('/tool/-/tool-1.0.0.tgz');
  });

  it('goes through the proxy that is configured, for a host only the proxy knows', async () => {
    await using registry = await start();
    await using proxy = await startProxy(registry);
    const request = await requestTo('http://registry.invalid/', { npm_config_proxy: proxy.url });
    expect((await download(request)).equals(tarball)).toBe(true);
    expect(proxy.requests[0]?.url).toBe('http://registry.invalid/tool/-/tool-1.0.0.tgz');
  });

  it('takes the proxy from the environment, and leaves it out for NO_PROXY', async () => {
    await using registry = await start();
    await using proxy = await startProxy(registry);
    const env = { http_proxy: proxy.url };
    await download(await requestTo('http://registry.invalid/', env));
    expect(proxy.requests).toHaveLength(1);
    await download(await requestTo(registry.url, { ...env, NO_PROXY: '127.0.0.1' }));
    expect(proxy.requests).toHaveLength(1);
  });

  it('sends a token to its registry, and says when it is refused, without showing it', async () => {
    await using registry = await start({ token: 's3cret' });
    await writeFile(join(home, '.npmrc'), `//127.0.0.1:${registry.port}/:_authToken=\${REGISTRY_TOKEN}\n`);
    const good = await requestTo(registry.url, { REGISTRY_TOKEN: 's3cret' });
    expect((await download(good)).equals(tarball)).toBe(true);
    expect(registry.requests[0]?.authorization).toBe('Bearer s3cret');
    const bad = await requestTo(registry.url, { REGISTRY_TOKEN: 'wr0ng' });
    const failure = download(bad);
    await expect(failure).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
    await expect(failure).rejects.not.toThrow('wr0ng');
    await rm(join(home, '.npmrc'));
  });

  it('says that nothing answers, without the credentials of the URL', async () => {
    const registry = await start();
    const { port } = registry;
    await registry[Symbol.asyncDispose]();
    const failure = download(await requestTo(`http://me:s3cret@127.0.0.1:${port}/`));
    await expect(failure).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await expect(failure).rejects.not.toThrow('s3cret');
  });

  it('tries again when a connection is refused by a reset', async () => {
    let attempts = 0;
    await using registry = await start({
      send: (response, content) => {
        attempts += 1;
        if (attempts === 1) response.destroy();
        else response.end(content);
      },
    });
    const request = await requestTo(registry.url, {
      npm_config_fetch_retries: '1',
      npm_config_fetch_retry_mintimeout: '1',
    });
    expect((await download(request)).equals(tarball)).toBe(true);
    expect(attempts).toBe(2);
  });

  it('takes in no more than the reader wants, and closes the connection when the reader leaves', async () => {
    const block = Buffer.alloc(64 * 1024);
    const blocks = 512;
    const sent: number[] = [];
    const closed: Promise<unknown>[] = [];
    await using registry = await start({
      send: (response) => {
        const index = sent.push(0) - 1;
        closed.push(once(response, 'close'));
        void (async () => {
          for (; !response.destroyed && (sent[index] ?? blocks) < blocks; sent[index] = (sent[index] ?? 0) + 1) {
            if (!response.write(block)) await Promise.race([once(response, 'drain'), closed[index]]);
          }
          response.end();
        })();
      },
    });
    const request = await requestTo(registry.url);
    const { content } = await openTarball(request);
    for await (const chunk of content) {
      expect(chunk.length).toBeGreaterThan(0);
      // By the time a second reader has all of it, this one would have it too if nothing held it back.
      expect(await download(request)).toHaveLength(blocks * block.length);
      expect(sent[1]).toBe(blocks);
      expect(sent[0]).toBeLessThan(blocks / 2);
      break;
    }
    await closed[0];
  });

  it('fails when the connection ends early', async () => {
    await using registry = await start({
      send: (response, content) => {
        response.writeHead(200, { 'content-length': content.length });
        response.write(content.subarray(0, 50_000), () => response.destroy());
      },
    });
    await expect(download(await requestTo(registry.url))).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
    });
  });

  it('ends the connection when it is cancelled, before and in the middle of the body', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await using registry = await start({
      send: (response, content) => {
        response.writeHead(200, { 'content-length': content.length });
        response.write(content.subarray(0, 50_000));
        void once(response, 'close').then(() => resolve());
      },
    });
    const controller = new AbortController();
    const request = await requestTo(registry.url, {}, controller.signal);
    const { content } = await openTarball(request);
    const reading = (async () => {
      for await (const chunk of content) {
        expect(chunk.length).toBeGreaterThan(0);
        controller.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' });
    await closed;
    await expect(download(request)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('does as npm’s offline setting says', async () => {
    await using registry = await start();
    const request = await requestTo(registry.url, { npm_config_offline: 'true' });
    await expect(download(request)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(registry.requests).toHaveLength(0);
  });
});

describe('findTarball', () => {
  it('takes address and digest from the metadata', async () => {
    await using registry = await start({ hasOwnLayout: true });
    const request = await requestTo(registry.url);
    await expect(download(request)).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    const { url } = await findTarball(request);
    expect(url).toBe(`${registry.url}/download/tool-1.0.0.tgz`);
    expect((await download(request, url)).equals(tarball)).toBe(true);
  });

  it('leaves that address alone where npm is told to', async () => {
    await using registry = await start({ publicUrl: 'https://registry.npmjs.org' });
    const request = await requestTo(registry.url, { npm_config_replace_registry_host: 'never' });
    expect((await findTarball(request)).url).toBe('https://registry.npmjs.org/tool/-/tool-1.0.0.tgz');
  });

  it('moves an address of the public registry to the mirror', async () => {
    await using registry = await start({ publicUrl: 'https://registry.npmjs.org' });
    const { url } = await findTarball(await requestTo(registry.url));
    expect(url).toBe(`${registry.url}/tool/-/tool-1.0.0.tgz`);
  });

  it('says that a version is not there', async () => {
    await using registry = await start();
    const request = await requestTo(registry.url);
    await expect(findTarball({ ...request, version: '2.0.0' })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
    });
    await expect(findTarball({ ...request, name: 'other' })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
    });
  });
});
