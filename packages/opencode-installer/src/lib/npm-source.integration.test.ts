import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

import { probeHost } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { createFixture } from '../../test/installer-fixture.ts';
import { ensureOpencode } from './ensure-opencode.ts';
import { OpencodeInstallError } from './errors.ts';
import { npmSource } from './npm-source.ts';
import { OPENCODE_VERSION } from './pins.ts';
import type { InstallWarning } from './source.ts';

describe('npmSource', () => {
  it('installs the real opencode and the real ripgrep, and both work', { timeout: 300_000 }, async (context) => {
    await using fixture = await createFixture();
    const found = await probeHost(fixture.host);
    const { rg: _, ...tools } = found.tools;
    const warnings: InstallWarning[] = [];
    const binary = await ensureOpencode(fixture.host, {
      source: npmSource(),
      probe: { ...found, tools },
      onWarning: (warning) => warnings.push(warning),
    }).catch((error: unknown) => {
      if (OpencodeInstallError.is(error) && error.code === 'DOWNLOAD_FAILED') {
        context.skip('needs the npm registry: a network, or a mirror in ~/.npmrc');
      }
      throw error;
    });
    const run = async (path: string): Promise<string> =>
      (await promisify(execFile)(path, ['--version'], { env: { HOME: fixture.home } })).stdout;
    expect(await run(binary.path)).toBe(`${OPENCODE_VERSION}\n`);
    expect(await run(binary.ripgrepPath ?? '')).toMatch(/^ripgrep \d+\./);
    expect(warnings).toEqual([]);
    expect(await readdir(fixture.cacheDirectory)).toHaveLength(2);
  });
});
