import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFixture, failureOf, testVersion } from '../../test/installer-fixture.ts';
import type { InstallerFixture } from '../../test/installer-fixture.ts';
import { halfOf, startFiles, zipOf } from '../../test/loopback-files.ts';
import { packageOf, startRegistry } from '../../test/loopback-registry.ts';
import { ensureOpencode } from './ensure-opencode.ts';
import type { EnsureOpencodeOptions } from './ensure-opencode.ts';
import { installProgram } from './install-program.ts';
import { npmSource } from './npm-source.ts';
import { OPENCODE_VERSION } from './pins.ts';
import type { DownloadableProgram, InstallProgress, InstallWarning, OpencodeSource } from './source.ts';
import { urlSource } from './url-source.ts';

const good = await packageOf('package/bin/opencode', `#!/bin/sh\necho ${testVersion}\n`);
const packages = { [`opencode-linux-x64@${testVersion}`]: good };

/** Installs as `auto` would on another machine: nothing here is one. */
async function installFar(
  { cacheDirectory, host, probe }: InstallerFixture,
  source: OpencodeSource,
  onWarning: (warning: InstallWarning) => void,
): Promise<void> {
  const program = await source.resolve({
    host,
    probe,
    fetch: 'auto',
    sendCredentials: false,
    installed: async () => ({ cacheDirectory, bootId: undefined, programs: [] }),
  });
  await installProgram(host, {
    program: program as DownloadableProgram,
    label: 'opencode',
    directory: cacheDirectory,
    name: 'far',
    file: 'opencode',
    recordsVersion: false,
    fetch: 'auto',
    isSameMachine: false,
    sendCredentials: false,
    tools: probe.tools,
    onWarning,
  });
}

describe('ensureOpencode with fetch', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('has the host fetch, with progress, and unpack nothing but the program', async () => {
    await using fixture = await createFixture();
    await using registry = await startRegistry({ packages });
    const { cacheDirectory, host, probe } = fixture;
    const progress: InstallProgress[] = [];
    const source = fixture.source(registry.url);
    await ensureOpencode(host, { source, probe, fetch: 'host', onProgress: (report) => progress.push(report) });
    expect(registry.requests.map(({ agent }) => agentName(agent))).toEqual(['npm', 'curl']);
    expect(progress.findLast(({ bytes }) => bytes !== undefined)).toMatchObject({
      step: 'download',
      bytes: good.length,
    });
    expect(await readdir(join(cacheDirectory, `${testVersion}-linux-x64`))).toEqual(['opencode']);
  });

  it('fetches here for this machine unless told otherwise', async () => {
    await using fixture = await createFixture();
    await using registry = await startRegistry({ packages });
    const { host, probe } = fixture;
    await ensureOpencode(host, { source: fixture.source(registry.url), probe });
    expect(registry.requests.some(({ agent }) => agent?.startsWith('curl') === true)).toBe(false);
  });

  it('has another machine fetch, and pushes with a warning where that fails', async () => {
    await using fixture = await createFixture();
    let agents: string[] = [];
    let isCurlServed = true;
    await using registry = await startRegistry({
      packages,
      send: (response, tarball) => {
        const agent = agentName(response.req.headers['user-agent']);
        agents.push(agent);
        if (agent === 'curl' && !isCurlServed) response.writeHead(503).end();
        else response.writeHead(200, { 'content-length': tarball.length }).end(tarball);
      },
    });
    const source = fixture.source(registry.url);
    const warnings: string[] = [];
    const onWarning = ({ code }: InstallWarning): number => warnings.push(code);
    await installFar(fixture, source, onWarning);
    expect([agents, warnings]).toEqual([['curl'], ['DIGEST_NOT_PINNED']]);

    await using other = await createFixture();
    agents = [];
    isCurlServed = false;
    await installFar(other, source, onWarning);
    expect(agents).toEqual(['curl', 'npm']);
    expect(warnings).toContain('PUSHED_INSTEAD');
  });

  it('does not ask another way when a digest is wrong', async () => {
    await using fixture = await createFixture();
    await using registry = await startRegistry({ packages, integrity: `sha512-${'A'.repeat(86)}==` });
    const warnings: string[] = [];
    const failure = installFar(fixture, fixture.source(registry.url), ({ code }) => warnings.push(code));
    expect(await failureOf(failure)).toBe('DIGEST_MISMATCH');
    expect(warnings).toEqual(['DIGEST_NOT_PINNED']);
    expect(await fixture.leftovers()).toEqual([]);
  });

  it('asks the metadata where a mirror keeps a pinned version', async () => {
    await using fixture = await createFixture();
    const name = `opencode-linux-x64@${OPENCODE_VERSION}`;
    await using registry = await startRegistry({ packages: { [name]: good }, hasOwnLayout: true });
    const { host, probe } = fixture;
    const source = fixture.source(registry.url, OPENCODE_VERSION);
    expect(await failureOf(ensureOpencode(host, { source, probe, fetch: 'host' }))).toBe('DIGEST_MISMATCH');
    expect(registry.requests.map(({ agent, url }) => [agentName(agent), url])).toEqual([
      ['curl', `/opencode-linux-x64/-/opencode-linux-x64-${OPENCODE_VERSION}.tgz`],
      ['npm', '/opencode-linux-x64'],
      ['curl', `/download/opencode-linux-x64-${OPENCODE_VERSION}.tgz`],
    ]);
  });

  it('tells a host no credentials unless that was said', async () => {
    await using fixture = await createFixture();
    await using registry = await startRegistry({ packages, token: 's3cret' });
    const { home, host, probe } = fixture;
    const source = npmSource({
      version: testVersion,
      npm: {
        env: {
          HOME: home,
          npm_config_registry: registry.url,
          npm_config_fetch_retries: '0',
          [`npm_config_//127.0.0.1:${registry.port}/:_authToken`]: 's3cret',
        },
      },
    });
    const install = async (options: EnsureOpencodeOptions): Promise<string> =>
      failureOf(ensureOpencode(host, { source, probe, ...options }));
    expect(await install({ fetch: 'host' })).toBe('FETCH_REFUSED');
    expect(registry.requests.filter(({ agent }) => agent?.startsWith('curl') === true)).toEqual([]);
    const warnings: string[] = [];
    await installFar(fixture, source, ({ code }) => warnings.push(code));
    expect(warnings).toEqual(['DIGEST_NOT_PINNED']);
    expect(await install({ fetch: 'host', sendCredentials: true })).toBe('no failure');
    expect(registry.requests.at(-1)).toMatchObject({
      agent: expect.stringMatching(/^curl/),
      authorization: 'Bearer s3cret',
    });
  });

  it('says why a host cannot fetch, and says no to an unknown way', async () => {
    await using fixture = await createFixture();
    await using registry = await startRegistry({ packages });
    const { curl: _, wget: __, ...tools } = fixture.probe.tools;
    const probe = { ...fixture.probe, tools };
    const source = fixture.source(registry.url);
    const installation = ensureOpencode(fixture.host, { source, probe, fetch: 'host' });
    await expect(installation).rejects.toMatchObject({
      code: 'FETCH_REFUSED',
      message: expect.stringContaining('neither curl nor wget'),
    });
    const wrong = { fetch: 'there' } as unknown as EnsureOpencodeOptions;
    await expect(ensureOpencode(fixture.host, wrong)).rejects.toThrow(TypeError);
  });

  for (const fetch of ['here', 'host'] as const) {
    for (const file of ['/opencode', '/opencode.tar.gz', '/opencode.zip']) {
      it(`leaves nothing behind when ${file} is cancelled half way, fetched ${fetch}`, async () => {
        await using fixture = await createTidyFixture();
        const { promise: closed, resolve } = Promise.withResolvers<void>();
        const content = Buffer.alloc(3_000_000, 'opencode');
        await using server = await startFiles({
          [file]: (response, request) => {
            halfOf(content)(response, request);
            void once(response, 'close').then(() => resolve());
          },
        });
        const controller = new AbortController();
        const installation = ensureOpencode(fixture.host, {
          source: urlSource({
            url: `${server.url}${file}`,
            sha256: '0'.repeat(64),
            npm: { env: { HOME: fixture.home } },
          }),
          probe: fixture.probe,
          fetch,
          abortSignal: controller.signal,
          onProgress: ({ bytes }) => {
            if (bytes !== undefined) controller.abort(new Error('enough'));
          },
        });
        expect(await failureOf(installation)).toBe('ABORTED');
        await closed;
        expect(await fixture.leftovers()).toEqual([]);
        expect(await fixture.temporaryFiles()).toEqual([]);
      });
    }
  }

  it('leaves nothing behind when the trial is cancelled, though the program ignores TERM', async () => {
    await using fixture = await createTidyFixture();
    const stubborn = `#!/bin/sh\ntrap '' TERM\necho >"$HOME/made"\nwhile :; do sleep 1; done\n`;
    const zip = await zipOf({ 'bin/opencode': stubborn });
    await using server = await startFiles({ '/opencode.zip': zip });
    const controller = new AbortController();
    const installation = ensureOpencode(fixture.host, {
      source: urlSource({
        url: `${server.url}/opencode.zip`,
        sha256: createHash('sha256').update(zip).digest('hex'),
        npm: { env: { HOME: fixture.home } },
      }),
      probe: fixture.probe,
      abortSignal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 'verify') setImmediate(() => controller.abort());
      },
    });
    expect(await failureOf(installation)).toBe('ABORTED');
    expect(await fixture.leftovers()).toEqual([]);
    expect(await fixture.temporaryFiles()).toEqual([]);
  });
});

/** `curl` or `npm`. */
function agentName(agent = ''): string {
  return agent.startsWith('npm') ? 'npm' : (agent.split('/', 1)[0] ?? '');
}

/** A fixture whose host and whose process keep temporary files in its home, and what is there. */
async function createTidyFixture(): Promise<InstallerFixture & { temporaryFiles(): Promise<readonly string[]> }> {
  const fixture = await createFixture({ TMPDIR: '$HOME' });
  vi.stubEnv('TMPDIR', fixture.home);
  return {
    ...fixture,
    temporaryFiles: async () => (await readdir(fixture.home)).filter((name) => name !== '.cache'),
  };
}
