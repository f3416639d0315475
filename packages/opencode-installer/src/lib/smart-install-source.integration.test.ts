import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createFixture, failureOf } from '../../test/installer-fixture.ts';
import type { InstallerFixture } from '../../test/installer-fixture.ts';
import { startFiles, zipOf } from '../../test/loopback-files.ts';
import type { LoopbackServer } from '../../test/loopback-registry.ts';
import { ensureOpencode } from './ensure-opencode.ts';
import type { EnsureOpencodeOptions, OpencodeBinary } from './ensure-opencode.ts';
import { smartInstallSource } from './smart-install-source.ts';
import type { SmartInstallSourceOptions } from './smart-install-source.ts';
import type { InstallWarning } from './source.ts';

const programOf = (version: string): string => `#!/bin/sh\necho ${version}\n`;
const sha256Of = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');

/** The contract: is the opencode in PATH of this version? If not, where is a release? */
const checkScript = (version: string, url: string): string => `#!/usr/bin/env bash
set -euo pipefail
[[ "$*" == --check ]]
if [ "$(opencode --version 2>/dev/null || echo none)" = "${version}" ]; then echo "opencode ok"; else echo "download ${url}"; fi
`;

interface Release extends AsyncDisposable {
  readonly server: LoopbackServer;
  /** What is served, to be changed. */
  readonly files: { script: string; zip: Buffer };
  install(
    fixture: InstallerFixture,
    options: SmartInstallSourceOptions,
    more?: EnsureOpencodeOptions,
  ): Promise<OpencodeBinary>;
}

async function startRelease(version: string): Promise<Release> {
  const zipFor = async (which: string): Promise<Buffer> =>
    zipOf({ 'bin/opencode': programOf(which), 'package.json': '{}' });
  const files = { script: '', zip: await zipFor(version) };
  const server = await startFiles({
    '/smart-install.sh': (response) => response.end(files.script),
    '/opencode.zip': (response) => response.end(files.zip),
  });
  files.script = checkScript(version, `${server.url}/opencode.zip`);
  return {
    server,
    files,
    install: async ({ home, host, probe }, options, more = {}) =>
      ensureOpencode(host, {
        source: smartInstallSource({
          scriptUrl: `${server.url}/smart-install.sh`,
          npm: { env: { HOME: home, npm_config_fetch_retries: '0' } },
          ...options,
        }),
        probe,
        ...more,
      }),
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

const urls = ({ server }: Release): readonly string[] => server.requests.map(({ url }) => url);

describe('smartInstallSource', () => {
  it('installs the release that the script names, and asks nobody again while the digest is the same', async () => {
    await using fixture = await createFixture();
    await using release = await startRelease('1.20.0');
    const digests = { scriptSha256: sha256Of(release.files.script), archiveSha256: sha256Of(release.files.zip) };
    const warnings: InstallWarning[] = [];
    const onWarning = (warning: InstallWarning): number => warnings.push(warning);
    const binary = await release.install(fixture, digests, { onWarning });
    expect(binary).toMatchObject({ version: '1.20.0', source: 'smart-install' });
    expect(await readFile(binary.path, 'utf8')).toBe(programOf('1.20.0'));
    expect([urls(release), warnings]).toEqual([['/smart-install.sh', '/opencode.zip'], []]);
    const before = fixture.runs();
    expect(await release.install(fixture, digests)).toEqual(binary);
    expect(fixture.runs() - before).toBe(1);
    expect(urls(release)).toHaveLength(2);
  });

  it('refuses a script of another digest before anything of it runs, on both ways', async () => {
    await using fixture = await createFixture();
    await using release = await startRelease('1.20.0');
    const mark = join(fixture.home, 'was-run');
    release.files.script = `touch ${mark}; echo opencode ok`;
    for (const fetch of ['here', 'host'] as const) {
      const installation = release.install(
        fixture,
        { scriptSha256: '0'.repeat(64), archiveSha256: '0'.repeat(64) },
        { fetch },
      );
      expect(await failureOf(installation)).toBe('DIGEST_MISMATCH');
    }
    await expect(readFile(mark)).rejects.toThrow('ENOENT');
    expect(await fixture.leftovers()).toEqual([]);
  });

  it('follows a moving script where that was allowed, with a warning, and keeps the old version beside the new', async () => {
    await using fixture = await createFixture();
    await using release = await startRelease('1.20.0');
    const warnings: InstallWarning[] = [];
    const allowed = { allowUnverified: true };
    const onWarning = (warning: InstallWarning): number => warnings.push(warning);
    const first = await release.install(fixture, allowed, { onWarning });
    expect(first.version).toBe('1.20.0');
    expect(warnings).toMatchObject([{ code: 'NOT_VERIFIED' }]);
    // The script finds it in PATH.
    expect(await release.install(fixture, allowed)).toEqual(first);
    expect(urls(release)).toEqual(['/smart-install.sh', '/opencode.zip', '/smart-install.sh']);

    release.files.script = checkScript('1.21.0', `${release.server.url}/opencode.zip`);
    release.files.zip = await zipOf({ 'bin/opencode': programOf('1.21.0') });
    const second = await release.install(fixture, allowed, { fetch: 'host' });
    expect(second.version).toBe('1.21.0');
    expect(second.path).not.toBe(first.path);
    expect(await readFile(first.path, 'utf8')).toBe(programOf('1.20.0'));
    expect(await release.install(fixture, allowed)).toEqual(second);
  });

  it('takes the opencode of the host’s own PATH when the script says so', async () => {
    await using fixture = await createFixture({ PATH: `$HOME/bin:${process.env['PATH'] ?? ''}` });
    await using release = await startRelease('1.20.0');
    const own = join(fixture.home, 'bin/opencode');
    await mkdir(dirname(own));
    await writeFile(own, programOf('1.20.0'));
    await chmod(own, 0o755);
    const binary = await release.install(fixture, { allowUnverified: true });
    expect(binary).toMatchObject({ path: own, version: '1.20.0' });
    expect(await fixture.leftovers()).toEqual([]);
  });

  it('uses what is installed when the script cannot be had, or fails', async () => {
    await using fixture = await createFixture();
    await using release = await startRelease('1.20.0');
    const first = await release.install(fixture, { allowUnverified: true });
    const warnings: InstallWarning[] = [];
    const onWarning = (warning: InstallWarning): number => warnings.push(warning);
    release.files.script = 'echo curl: no network >&2; exit 1';
    expect(await release.install(fixture, { allowUnverified: true }, { onWarning })).toEqual(first);
    expect(warnings.at(-1)).toMatchObject({
      code: 'OTHER_VERSION_USED',
      message: expect.stringContaining('curl: no network'),
    });
    await release.server[Symbol.asyncDispose]();
    for (const fetch of ['here', 'host'] as const) {
      expect(await release.install(fixture, { allowUnverified: true }, { fetch })).toEqual(first);
    }
    // Nothing to fall back on.
    await rename(dirname(first.path), join(fixture.home, basename(dirname(first.path))));
    expect(await failureOf(release.install(fixture, { allowUnverified: true }))).toBe('DOWNLOAD_FAILED');
  });

  it('says what is wrong with the script', async () => {
    await using fixture = await createFixture();
    await using release = await startRelease('1.20.0');
    const fails = async (script: string): Promise<string> => {
      release.files.script = script;
      return failureOf(release.install(fixture, { allowUnverified: true }));
    };
    expect(await fails('exit 3')).toBe('SMART_CHECK_FAILED');
    expect(await fails('echo what')).toBe('SMART_CHECK_INVALID');
    expect(await fails('echo "download "')).toBe('SMART_CHECK_INVALID');
    expect(await fails('echo opencode ok')).toBe('SMART_CHECK_INVALID');
    expect(await fails('x'.repeat(2 * 1024 ** 2))).toBe('PACKAGE_INVALID');
    const { bash: _, ...tools } = fixture.probe.tools;
    const probe = { ...fixture.probe, tools };
    const withoutBash = release.install({ ...fixture, probe }, { allowUnverified: true });
    expect(await failureOf(withoutBash)).toBe('PACKAGE_INVALID');
    release.files.script = 'echo opencode ok';
    await expect(release.install({ ...fixture, probe }, { allowUnverified: true })).rejects.toThrow('needs bash');
  });

  it('installs nothing where that was not wanted', async () => {
    await using fixture = await createFixture();
    await using release = await startRelease('1.20.0');
    const installation = release.install(fixture, { allowUnverified: true }, { installIfMissing: false });
    await expect(installation).rejects.toMatchObject({
      code: 'NOT_INSTALLED',
      message: expect.stringContaining('installIfMissing'),
    });
    expect(await fixture.leftovers()).toEqual([]);
  });

  it('needs both digests, or to be told that none is needed', () => {
    const digest = '0'.repeat(64);
    expect(() => smartInstallSource()).toThrow(TypeError);
    expect(() => smartInstallSource({ scriptSha256: digest })).toThrow(TypeError);
    expect(() => smartInstallSource({ archiveSha256: digest })).toThrow(TypeError);
    expect(() => smartInstallSource({ scriptSha256: digest, archiveSha256: 'x' })).toThrow(TypeError);
    expect(() => smartInstallSource({ scriptUrl: 'smart-install.sh', allowUnverified: true })).toThrow(TypeError);
    smartInstallSource({ scriptSha256: digest, archiveSha256: digest });
  });
});
