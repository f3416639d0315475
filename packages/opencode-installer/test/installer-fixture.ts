import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, probeHost } from '@optio-ts/host-core';
import type { Host, HostProbe } from '@optio-ts/host-core';

import { npmSource, OpencodeInstallError } from '../src/index.ts';
import type { OpencodeSource } from '../src/index.ts';

/** A version that no release of this package pins, so that a loopback registry's own digest counts. */
export const testVersion = '1.99.7';

/** This machine with an empty home, and what is needed to install there. */
export interface InstallerFixture extends AsyncDisposable {
  readonly host: Host;
  /** Of that host, with a ripgrep, on a machine with AVX2. */
  readonly probe: HostProbe;
  readonly home: string;
  readonly cacheDirectory: string;
  /** How many commands the host has run. */
  runs(): number;
  /** Everything below the cache directory. */
  leftovers(): Promise<readonly string[]>;
  /** The npm source, with the registry and nothing else configured. */
  source(registry: string, version?: string): OpencodeSource;
}

/** Makes a fixture. `variables` are added to the host's environment; `$HOME` in a value stands for its home. */
export async function createFixture(variables: Readonly<Record<string, string>> = {}): Promise<InstallerFixture> {
  const home = await mkdtemp(join(tmpdir(), 'optio-installer-'));
  const env: Record<string, string> = { HOME: home, PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  for (const [key, value] of Object.entries(variables)) env[key] = value.replace('$HOME', home);
  const local = createLocalHost({ env });
  const found = await probeHost(local);
  let count = 0;
  return {
    home,
    cacheDirectory: join(home, '.cache/optio-opencode/bin'),
    // A class instance cannot be spread: its methods are on the prototype.
    host: {
      description: local.description,
      run: async (...parameters) => {
        count += 1;
        return local.run(...parameters);
      },
      spawn: async (...parameters) => {
        count += 1;
        return local.spawn(...parameters);
      },
      forwardPort: async (...parameters) => local.forwardPort(...parameters),
      [Symbol.asyncDispose]: async () => {
        await local[Symbol.asyncDispose]();
      },
    },
    probe: {
      ...found,
      os: 'linux',
      arch: 'x64',
      libc: 'glibc',
      hasAvx2: true,
      tools: { ...found.tools, rg: '/usr/bin/rg' },
    },
    runs: () => count,
    leftovers: async () => {
      try {
        return await readdir(join(home, '.cache/optio-opencode/bin'), { recursive: true });
      } catch (error) {
        if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return [];
        throw error;
      }
    },
    source: (registry, version = testVersion) =>
      npmSource({
        version,
        npm: { env: { HOME: home, npm_config_registry: registry, npm_config_fetch_retries: '0' } },
      }),
    [Symbol.asyncDispose]: async () => {
      await local[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The code of the error that a promise is rejected with, and its message. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (OpencodeInstallError.is(error)) return error.code;
    throw error;
  }
  return 'no failure';
}
