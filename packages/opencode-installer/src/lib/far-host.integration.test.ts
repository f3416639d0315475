import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, probeHost } from '@optio-ts/host-core';
import type { Host, HostProbe } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { startLink, startSshd } from '@optio-ts/testkit';
import type { Link } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { halfOf, startFiles, zipOf } from '../../test/loopback-files.ts';
import { packageOf } from '../../test/loopback-registry.ts';
import { ensureOpencode } from './ensure-opencode.ts';
import type { EnsureOpencodeOptions } from './ensure-opencode.ts';
import { urlSource } from './url-source.ts';

const program = '#!/bin/sh\necho 1.20.0\n';
const archives = {
  '/opencode': Buffer.from(program),
  '/opencode.tar.gz': await packageOf('opencode', program),
  '/opencode.zip': await zipOf({ 'bin/opencode': program }),
};
const ways = ['here', 'host'] as const;

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'optio-far-'));
});
afterEach(async () => rm(root, { recursive: true }));

const sourceOf = (url: string, content: Buffer) =>
  urlSource({ url, sha256: createHash('sha256').update(content).digest('hex'), npm: { env: { HOME: root } } });

describe('ensureOpencode over SSH', () => {
  let server: Awaited<ReturnType<typeof startSshd>>;
  let link: Link;
  let host: Host;
  let probe: HostProbe;
  beforeAll(async () => {
    server = await startSshd();
    if (server.sshd === undefined) return;
    const { fingerprints, login } = server.sshd;
    link = await startLink({ targetPort: login.port });
    host = createSshHost({ ...login, port: link.port, hostKeys: pinnedKey(...fingerprints) });
    const found = await probeHost(host);
    probe = { ...found, tools: { ...found.tools, rg: '/usr/bin/rg' } };
  });
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]();
    await link?.close();
    await server.sshd?.close();
  });
  beforeEach((context) => {
    if (server.sshd === undefined) context.skip(`needs ${server.reason}`);
  });

  for (const fetch of ways) {
    it(`installs, fetched ${fetch}, and needs no network the next time`, async () => {
      for (const [path, content] of Object.entries(archives)) {
        await using files = await startFiles({ [path]: content });
        const cacheDirectory = join(root, path);
        const options = { source: sourceOf(`${files.url}${path}`, content), probe, cacheDirectory, fetch };
        const binary = await ensureOpencode(host, options);
        expect(binary.version).toBe('1.20.0');
        await files[Symbol.asyncDispose]();
        expect(await ensureOpencode(host, options)).toEqual(binary);
      }
    });

    for (const end of ['is cancelled', 'loses its link'] as const) {
      it(`leaves nothing behind when it ${end} half way, fetched ${fetch}`, async () => {
        const content = Buffer.alloc(3_000_000, 'opencode');
        await using files = await startFiles({ '/opencode': halfOf(content) });
        const controller = new AbortController();
        const options: EnsureOpencodeOptions = {
          source: sourceOf(`${files.url}/opencode`, content),
          probe,
          cacheDirectory: join(root, 'cache'),
          fetch,
          abortSignal: controller.signal,
          onProgress: ({ bytes }) => {
            if (bytes === undefined) return;
            if (end === 'is cancelled') controller.abort();
            else link.cut();
          },
        };
        await expect(ensureOpencode(host, options)).rejects.toMatchObject({
          code: end === 'is cancelled' ? 'ABORTED' : expect.stringMatching(/^(?:CONNECTION_LOST|KILL_NOT_CONFIRMED)$/),
        });
        // On a lost link the host cleans up by itself.
        await vi.waitUntil(async () => (await readdir(join(root, 'cache'))).length === 0, { timeout: 60_000 });
      });
    }
  }
});

describe('ensureOpencode with a busybox userland', () => {
  for (const fetch of ways) {
    it(`installs, fetched ${fetch}`, async (context) => {
      const isThere = await access('/bin/busybox').then(
        () => true,
        () => false,
      );
      if (!isThere) context.skip("needs busybox: install Debian's busybox");
      const bin = join(root, 'bin');
      await mkdir(bin);
      const applets =
        'awk cat chmod cut expr find grep gzip head id ls mkdir mktemp mv readlink rm rmdir sed sh sha256sum';
      for (const applet of `${applets} sleep stat tail tar touch tr uname unzip wc wget df du ln ps kill`.split(' '))
        await symlink('/bin/busybox', join(bin, applet));
      await using host = createLocalHost({ env: { PATH: bin, HOME: root, TMPDIR: root } });
      const found = await probeHost(host);
      const probe = { ...found, tools: { ...found.tools, rg: '/usr/bin/rg' } };
      for (const [path, content] of Object.entries(archives)) {
        await using files = await startFiles({ [path]: content });
        const options = { source: sourceOf(`${files.url}${path}`, content), probe, fetch };
        const binary = await ensureOpencode(host, { ...options, cacheDirectory: join(root, path) });
        expect(binary.version).toBe('1.20.0');
        expect(await readdir(join(root, path))).toHaveLength(1);
      }
      expect((await readdir(root)).filter((name) => name.startsWith('tmp.'))).toEqual([]);
    });
  }
});
