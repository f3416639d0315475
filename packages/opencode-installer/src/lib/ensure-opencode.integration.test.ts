import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createFixture, failureOf, testVersion } from '../../test/installer-fixture.ts';
import type { InstallerFixture } from '../../test/installer-fixture.ts';
import { packageOf, startRegistry } from '../../test/loopback-registry.ts';
import type { LoopbackServer, RegistryOptions } from '../../test/loopback-registry.ts';
import { binarySource } from './binary-source.ts';
import { ensureOpencode } from './ensure-opencode.ts';
import { OPENCODE_VERSION } from './pins.ts';
import type { InstallProgress, InstallWarning } from './source.ts';

const member = 'package/bin/opencode';
const script = (text: string): string => `#!/bin/sh\n${text}\n`;
const good = await packageOf(member, script(`echo ${testVersion}`));
const pinnedId = `opencode-linux-x64@${OPENCODE_VERSION}`;

async function start(content = good, options: Partial<RegistryOptions> = {}): Promise<LoopbackServer> {
  return startRegistry({ packages: { [`opencode-linux-x64@${testVersion}`]: content }, ...options });
}

async function putVersion({ cacheDirectory }: InstallerFixture, version: string, variant: string): Promise<string> {
  const directory = join(cacheDirectory, `${version}-${variant}`);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'opencode'), script(`echo ${version}`));
  await chmod(join(directory, 'opencode'), 0o755);
  return join(directory, 'opencode');
}

describe('ensureOpencode', () => {
  it('installs, reports, warns of a digest it does not know, and needs one trip the next time', async () => {
    await using fixture = await createFixture();
    await using registry = await start();
    const { cacheDirectory, host, probe } = fixture;
    const progress: InstallProgress[] = [];
    const warnings: InstallWarning[] = [];
    const source = fixture.source(registry.url);
    const binary = await ensureOpencode(host, {
      source,
      probe,
      onProgress: (report) => progress.push(report),
      onWarning: (warning) => warnings.push(warning),
    });
    const path = join(cacheDirectory, `${testVersion}-linux-x64`, 'opencode');
    expect(binary).toEqual({ path, version: testVersion, source: 'npm', ripgrepPath: '/usr/bin/rg' });
    expect((await stat(path)).mode & 0o777).toBe(0o755);
    expect(await readFile(path, 'utf8')).toBe(script(`echo ${testVersion}`));
    expect([...new Set(progress.map(({ step }) => step))]).toEqual(['check', 'download', 'verify', 'ready']);
    expect(progress.findLast(({ bytes }) => bytes !== undefined)).toMatchObject({
      bytes: good.length,
      totalBytes: good.length,
    });
    expect(warnings).toMatchObject([{ code: 'DIGEST_NOT_PINNED' }]);
    // Nothing but the published file: no lock, no staging directory, no home of the trial run.
    expect(await fixture.leftovers()).toEqual([`${testVersion}-linux-x64`, `${testVersion}-linux-x64/opencode`]);

    await registry[Symbol.asyncDispose]();
    const before = fixture.runs();
    expect(await ensureOpencode(host, { source, probe })).toEqual(binary);
    expect(fixture.runs() - before).toBe(1);
  });

  it('refuses a mirror that serves something else under a pinned version', async () => {
    await using fixture = await createFixture();
    await using registry = await startRegistry({ packages: { [pinnedId]: good } });
    const { host, probe } = fixture;
    const source = fixture.source(registry.url, OPENCODE_VERSION);
    expect(await failureOf(ensureOpencode(host, { source, probe }))).toBe('DIGEST_MISMATCH');
    expect(await fixture.leftovers()).toEqual([]);
  });

  it('asks the metadata where a mirror keeps a pinned version, but not for its digest', async () => {
    await using fixture = await createFixture();
    await using registry = await startRegistry({ packages: { [pinnedId]: good }, hasOwnLayout: true });
    const { host, probe } = fixture;
    const source = fixture.source(registry.url, OPENCODE_VERSION);
    expect(await failureOf(ensureOpencode(host, { source, probe }))).toBe('DIGEST_MISMATCH');
    expect(registry.requests.map(({ url }) => url)).toEqual([
      `/opencode-linux-x64/-/opencode-linux-x64-${OPENCODE_VERSION}.tgz`,
      '/opencode-linux-x64',
      `/download/opencode-linux-x64-${OPENCODE_VERSION}.tgz`,
    ]);
  });

  it('leaves nothing behind when it is cancelled in the middle of a download', async () => {
    await using fixture = await createFixture();
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const large = await packageOf(member, Buffer.alloc(3_000_000, script(`echo ${testVersion}`)));
    await using registry = await start(large, {
      send: (response, tarball) => {
        response.writeHead(200, { 'content-length': tarball.length });
        response.write(tarball.subarray(0, tarball.length / 2));
        void once(response, 'close').then(() => resolve());
      },
    });
    const controller = new AbortController();
    const installation = ensureOpencode(fixture.host, {
      source: fixture.source(registry.url),
      probe: fixture.probe,
      abortSignal: controller.signal,
      onProgress: ({ bytes }) => {
        if (bytes !== undefined) controller.abort(new Error('enough'));
      },
    });
    expect(await failureOf(installation)).toBe('ABORTED');
    await closed;
    expect(await fixture.leftovers()).toEqual([]);
  });

  it('does nothing at all when it is cancelled before', async () => {
    await using fixture = await createFixture();
    const { host, probe } = fixture;
    expect(await failureOf(ensureOpencode(host, { probe, abortSignal: AbortSignal.abort() }))).toBe('ABORTED');
    expect(fixture.runs()).toBe(0);
  });

  it('does the work once for installers that come at the same time', async () => {
    await using fixture = await createFixture();
    await using registry = await start();
    const { host, probe } = fixture;
    const binaries = await Promise.all(
      Array.from({ length: 4 }, async () => ensureOpencode(host, { source: fixture.source(registry.url), probe })),
    );
    expect(new Set(binaries.map(({ path }) => path)).size).toBe(1);
    expect(registry.requests.filter(({ url }) => url.endsWith('.tgz'))).toHaveLength(1);
    expect(await fixture.leftovers()).toHaveLength(2);
  });

  it('uses another installed version without a network, and says so', async () => {
    await using fixture = await createFixture();
    const registry = await start();
    await registry[Symbol.asyncDispose]();
    await putVersion(fixture, '1.98.0', 'linux-x64');
    const newest = await putVersion(fixture, '1.99.6', 'linux-x64-baseline');
    await putVersion(fixture, '2.0.0', 'linux-x64');
    const warnings: InstallWarning[] = [];
    const binary = await ensureOpencode(fixture.host, {
      source: fixture.source(registry.url),
      probe: fixture.probe,
      onWarning: (warning) => warnings.push(warning),
    });
    expect(binary).toMatchObject({ path: newest, version: '1.99.6' });
    expect(warnings).toMatchObject([{ code: 'OTHER_VERSION_USED' }]);
  });

  it('fails without a network and without any installed version', async () => {
    await using fixture = await createFixture();
    const registry = await start();
    await registry[Symbol.asyncDispose]();
    const { host, probe } = fixture;
    const source = fixture.source(registry.url);
    expect(await failureOf(ensureOpencode(host, { source, probe }))).toBe('DOWNLOAD_FAILED');
    expect(await fixture.leftovers()).toEqual([]);
  });

  it('does not take another version when the registry says that there is none', async () => {
    await using fixture = await createFixture();
    await using registry = await startRegistry({ packages: {} });
    await putVersion(fixture, '1.99.6', 'linux-x64');
    const { host, probe } = fixture;
    const source = fixture.source(registry.url);
    expect(await failureOf(ensureOpencode(host, { source, probe }))).toBe('VERSION_NOT_FOUND');
  });

  it('goes on without a ripgrep that cannot be had, but not with a wrong one', async () => {
    await using fixture = await createFixture();
    await using registry = await start();
    const { host } = fixture;
    const { rg: _, ...tools } = fixture.probe.tools;
    const probe = { ...fixture.probe, tools };
    const warnings: InstallWarning[] = [];
    const binary = await ensureOpencode(host, {
      source: fixture.source(registry.url),
      probe,
      onWarning: (warning) => warnings.push(warning),
    });
    expect(binary.ripgrepPath).toBeUndefined();
    expect(warnings.map(({ code }) => code)).toEqual(['DIGEST_NOT_PINNED', 'RIPGREP_UNAVAILABLE']);

    const fake = await packageOf('package/bin/rg', script('echo ripgrep 15.0.0'));
    await using liar = await startRegistry({ packages: { '@vscode/ripgrep-linux-x64@1.18.0': fake } });
    const failure = ensureOpencode(host, { source: fixture.source(liar.url), probe });
    expect(await failureOf(failure)).toBe('DIGEST_MISMATCH');
  });

  it('keeps to the cache directory that is given', async () => {
    await using fixture = await createFixture({ OPENCODE_CACHE_DIR: '$HOME/other' });
    await using registry = await start();
    const { home, host, probe } = fixture;
    const given = join(home, "odd 'name' $(x)");
    const source = fixture.source(registry.url);
    const binary = await ensureOpencode(host, { source, probe, cacheDirectory: `${given}/` });
    expect(binary.path).toBe(join(given, `${testVersion}-linux-x64`, 'opencode'));
    expect(await ensureOpencode(host, { source, probe, cacheDirectory: given })).toEqual(binary);
    expect(await readdir(home)).toEqual(["odd 'name' $(x)"]);
    await expect(ensureOpencode(host, { probe, cacheDirectory: 'relative' })).rejects.toThrow(TypeError);
  });

  for (const [variables, directory] of [
    [{ OPENCODE_CACHE_DIR: '$HOME/mine', XDG_CACHE_HOME: '$HOME/xdg' }, 'mine'],
    [{ OPENCODE_CACHE_DIR: '', XDG_CACHE_HOME: '$HOME/xdg' }, 'xdg/optio-opencode/bin'],
    [{ XDG_CACHE_HOME: '' }, '.cache/optio-opencode/bin'],
  ] as const) {
    it(`finds ${directory} in the host’s environment ${JSON.stringify(variables)}`, async () => {
      await using fixture = await createFixture(variables);
      await using registry = await start();
      const binary = await ensureOpencode(fixture.host, { source: fixture.source(registry.url), probe: fixture.probe });
      expect(binary.path).toBe(join(fixture.home, directory, `${testVersion}-linux-x64`, 'opencode'));
    });
  }

  it('refuses a cache directory that depends on where a command runs', async () => {
    await using fixture = await createFixture({ OPENCODE_CACHE_DIR: 'relative' });
    const { host, probe } = fixture;
    expect(await failureOf(ensureOpencode(host, { probe }))).toBe('CACHE_DIRECTORY_INVALID');
  });

  it('says that an installed directory has lost its program', async () => {
    await using fixture = await createFixture();
    await using registry = await start();
    const { cacheDirectory, host, probe } = fixture;
    await mkdir(join(cacheDirectory, `${testVersion}-linux-x64`), { recursive: true });
    const source = fixture.source(registry.url);
    expect(await failureOf(ensureOpencode(host, { source, probe }))).toBe('BINARY_BROKEN');
  });
});

describe('binarySource', () => {
  it('takes a binary as it is, and asks for its version unless that is given', async () => {
    await using fixture = await createFixture();
    const { host, probe } = fixture;
    const path = await putVersion(fixture, '1.5.0', 'mine');
    expect(await ensureOpencode(host, { source: binarySource(path), probe })).toEqual({
      path,
      version: '1.5.0',
      source: 'binary',
      ripgrepPath: '/usr/bin/rg',
    });
    const told = binarySource(path, { version: '1.6.0', ripgrepPath: path });
    expect(await ensureOpencode(host, { source: told, probe })).toMatchObject({ version: '1.6.0', ripgrepPath: path });
  });

  it('refuses a path that is no executable file', async () => {
    await using fixture = await createFixture();
    const { home, host, probe } = fixture;
    for (const path of [home, join(home, 'missing'), '/etc/passwd']) {
      expect(await failureOf(ensureOpencode(host, { source: binarySource(path), probe }))).toBe('BINARY_NOT_FOUND');
    }
    expect(() => binarySource('opencode')).toThrow(TypeError);
  });
});
