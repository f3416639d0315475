import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { findNpm } from './find-npm.ts';
import { loadNpmSettings, proxySettings } from './npm-config.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'optio-npm-config-'));
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

const write = async (path: string, ...lines: readonly string[]): Promise<void> => {
  await mkdir(join(home, path, '..'), { recursive: true });
  await writeFile(join(home, path), `${lines.join('\n')}\n`);
};

describe('loadNpmSettings', () => {
  it('is npm’s default without any configuration', async () => {
    const settings = await loadNpmSettings({ env: { HOME: home } });
    expect(settings).toMatchObject({
      registry: 'https://registry.npmjs.org/',
      strictSSL: true,
      retry: { retries: 2 },
    });
    expect(settings['proxy'] ?? undefined).toBeUndefined();
  });

  it('reads registry, scopes, credentials and CA of the user', async () => {
    await write('ca.pem', '-----BEGIN CERTIFICATE-----', 'AAAA', '-----END CERTIFICATE-----');
    await write(
      '.npmrc',
      'registry=https://mirror.example/npm/',
      '@vscode:registry=https://scoped.example/',
      '//mirror.example/npm/:_authToken=${TOKEN}',
      'cafile=~/ca.pem',
      'strict-ssl=false',
      'fetch-retries=7',
    );
    const settings = await loadNpmSettings({ env: { HOME: home, TOKEN: 'secret' } });
    expect(settings).toMatchObject({
      registry: 'https://mirror.example/npm/',
      '@vscode:registry': 'https://scoped.example/',
      '//mirror.example/npm/:_authToken': 'secret',
      strictSSL: false,
      retry: { retries: 7 },
    });
    expect(settings['ca']).toEqual([expect.stringContaining('BEGIN CERTIFICATE')]);
  });

  it('lets the environment win, and finds the global file that npm would', async () => {
    await write('prefix/etc/npmrc', 'registry=https://global.example/', 'maxsockets=3');
    await write('.npmrc', 'registry=https://user.example/');
    const env = { HOME: home, PREFIX: join(home, 'prefix') };
    expect(await loadNpmSettings({ env })).toMatchObject({
      registry: 'https://user.example/',
      maxSockets: 3,
    });
    const winner = { ...env, npm_config_registry: 'https://env.example/' };
    expect(await loadNpmSettings({ env: winner })).toMatchObject({
      registry: 'https://env.example/',
    });
  });

  it('reads a project’s file only when told to', async () => {
    await write('project/.npmrc', 'registry=https://project.example/');
    await write('project/package.json', '{}');
    const env = { HOME: home };
    const projectDirectory = join(home, 'project');
    expect(await loadNpmSettings({ env, projectDirectory })).toMatchObject({
      registry: 'https://project.example/',
    });
    const directory = process.cwd();
    process.chdir(projectDirectory);
    try {
      expect(await loadNpmSettings({ env })).toMatchObject({
        registry: 'https://registry.npmjs.org/',
      });
    } finally {
      process.chdir(directory);
    }
  });

  it('changes neither the environment that it is given nor that of this process', async () => {
    await write('.npmrc', 'user-agent=changed', 'omit=dev', 'registry=https://mirror.example/');
    const env = { HOME: home };
    const before = { ...process.env };
    await loadNpmSettings({ env });
    expect(env).toEqual({ HOME: home });
    expect({ ...process.env }).toEqual(before);
  });

  it('refuses what npm refuses, without showing it', async () => {
    await write('.npmrc', '_auth=c2VjcmV0');
    const failure = loadNpmSettings({ env: { HOME: home } });
    await expect(failure).rejects.toMatchObject({ code: 'NPM_CONFIG_INVALID' });
    await expect(failure).rejects.not.toThrow('c2VjcmV0');
  });
});

describe('proxySettings', () => {
  const https = { registry: 'https://r.example/', noProxy: '' };

  it('takes npm’s own proxy before the environment’s', () => {
    expect(proxySettings({ ...https, httpsProxy: 'http://npm:1' }, { HTTPS_PROXY: 'http://env:2' })).toMatchObject({
      proxy: 'http://npm:1',
    });
  });

  it('takes HTTPS_PROXY in either case, and NO_PROXY', () => {
    expect(proxySettings(https, { https_proxy: 'http://env:2', NO_PROXY: 'a.example' })).toEqual({
      proxy: 'http://env:2',
      httpsProxy: 'http://env:2',
      noProxy: 'a.example',
    });
  });

  it('takes HTTP_PROXY only for a plain registry', () => {
    const env = { HTTP_PROXY: 'http://env:2' };
    expect(proxySettings(https, env)).toEqual({});
    expect(proxySettings({ ...https, registry: 'http://r.example/' }, env)).toMatchObject({
      proxy: 'http://env:2',
    });
  });

  it('keeps npm’s own list of hosts without proxy', () => {
    expect(proxySettings({ ...https, noProxy: 'b.example' }, { NO_PROXY: 'a.example' })).toEqual({
      noProxy: 'b.example',
    });
  });
});

describe('findNpm', () => {
  it('follows the links that npm and node are', async () => {
    await write('lib/node_modules/npm/bin/npm-cli.js', '');
    await write('opt/bin/node', '');
    await mkdir(join(home, 'bin'));
    await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(home, 'bin/npm'));
    await symlink('../opt/bin/node', join(home, 'bin/node'));
    expect(await findNpm(`relative:${join(home, 'missing')}:${join(home, 'bin')}`)).toEqual({
      npmPath: join(home, 'lib/node_modules/npm'),
      execPath: join(home, 'opt/bin/node'),
    });
  });

  it('falls back to the Node that runs here', async () => {
    expect(await findNpm('', '/opt/node/bin/node')).toEqual({
      npmPath: '/opt/node/bin',
      execPath: '/opt/node/bin/node',
    });
  });
});
