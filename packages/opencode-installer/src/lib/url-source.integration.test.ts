import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createFixture, failureOf } from '../../test/installer-fixture.ts';
import { startFiles, zipOf } from '../../test/loopback-files.ts';
import { packageOf } from '../../test/loopback-registry.ts';
import { ensureOpencode } from './ensure-opencode.ts';
import type { InstallWarning } from './source.ts';
import { urlSource } from './url-source.ts';

const program = '#!/bin/sh\necho 1.20.0-mine.1\n';
const sha256Of = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');

describe('urlSource', () => {
  it('installs under the digest, keeps what the program says of its version, and asks nobody the next time', async () => {
    await using fixture = await createFixture();
    await using server = await startFiles({ '/opencode': program });
    const { cacheDirectory, home, host, probe } = fixture;
    const sha256 = sha256Of(program);
    const source = urlSource({
      url: `${server.url}/opencode`,
      sha256: sha256.toUpperCase(),
      npm: { env: { HOME: home } },
    });
    const binary = await ensureOpencode(host, { source, probe });
    const directory = join(cacheDirectory, `sha256-${sha256.slice(0, 32)}-linux-x64`);
    expect(binary).toMatchObject({ path: join(directory, 'opencode'), version: '1.20.0-mine.1', source: 'url' });
    expect(await readFile(join(directory, 'version'), 'utf8')).toBe('1.20.0-mine.1\n');

    await server[Symbol.asyncDispose]();
    // A program that would not answer again: it is not asked.
    await writeFile(join(directory, 'opencode'), '#!/bin/sh\nexit 1\n');
    const before = fixture.runs();
    expect(await ensureOpencode(host, { source, probe })).toEqual(binary);
    expect(fixture.runs() - before).toBe(1);
  });

  for (const [what, content, options] of [
    ['a tar by its name', async () => packageOf('bin/opencode', program), { path: '/a.tgz' }],
    ['a tar by its format', async () => packageOf('opencode', program), { path: '/a', format: 'tar.gz' }],
    ['a zip by its name', async () => zipOf({ opencode: program }), { path: '/a.zip' }],
    [
      'a member by its path',
      async () => zipOf({ 'x/oc': program, opencode: 'no' }),
      { path: '/a.zip', member: 'x/oc' },
    ],
  ] as const) {
    it(`finds the program of ${what}, on both ways`, async () => {
      const archive = await content();
      const { path, ...rest } = options;
      await using server = await startFiles({ [path]: archive });
      for (const fetch of ['here', 'host'] as const) {
        await using fixture = await createFixture();
        const { home, host, probe } = fixture;
        const sha512 = createHash('sha512').update(archive).digest('base64');
        const source = urlSource({ url: `${server.url}${path}`, sha512, npm: { env: { HOME: home } }, ...rest });
        const binary = await ensureOpencode(host, { source, probe, fetch });
        expect(binary.version).toBe('1.20.0-mine.1');
        expect(await readFile(binary.path, 'utf8')).toBe(program);
      }
    });
  }

  it('uses an installed one when the server cannot be reached, and says so', async () => {
    await using fixture = await createFixture();
    const server = await startFiles({});
    await server[Symbol.asyncDispose]();
    const { cacheDirectory, home, host, probe } = fixture;
    const installed = join(cacheDirectory, '1.18.1-linux-x64');
    await mkdir(installed, { recursive: true });
    await writeFile(join(installed, 'opencode'), program);
    await chmod(join(installed, 'opencode'), 0o755);
    const npm = { env: { HOME: home, npm_config_fetch_retries: '0' } };
    for (const fetch of ['here', 'host'] as const) {
      const warnings: InstallWarning[] = [];
      const source = urlSource({ url: `${server.url}/opencode`, sha256: sha256Of(program), npm });
      const onWarning = (warning: InstallWarning): number => warnings.push(warning);
      const binary = await ensureOpencode(host, { source, probe, fetch, onWarning });
      expect(binary).toMatchObject({ path: join(installed, 'opencode'), version: '1.18.1' });
      expect(warnings).toMatchObject([{ code: 'OTHER_VERSION_USED' }]);
    }
    const other = urlSource({ url: `${server.url}/opencode`, sha256: sha256Of(program), version: '2.0.0', npm });
    expect(await failureOf(ensureOpencode(host, { source: other, probe }))).toBe('DOWNLOAD_FAILED');
  });

  for (const [what, options] of [
    ['no digest', { url: 'https://a.example/' }],
    ['half a digest', { url: 'https://a.example/', sha256: 'abc' }],
    ['a digest of another kind', { url: 'https://a.example/', sha512: '0'.repeat(64) }],
    ['no address', { url: 'opencode', sha256: '0'.repeat(64) }],
    ['a file', { url: 'file:///opencode', sha256: '0'.repeat(64) }],
    ['a password in the address', { url: 'https://a:s3cret@b.example/', sha256: '0'.repeat(64) }],
    ['a member that leaves', { url: 'https://a.example/', sha256: '0'.repeat(64), member: '../x' }],
    ['a member like an option', { url: 'https://a.example/', sha256: '0'.repeat(64), member: '-x' }],
    ['a member like a pattern', { url: 'https://a.example/', sha256: '0'.repeat(64), member: 'bin/*' }],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => urlSource(options)).toThrow(TypeError);
      expect(() => urlSource(options)).not.toThrow('s3cret');
    });
  }
});
