import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, copyFile, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { confineCommand, createLocalHost } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { createFixture, testVersion } from '../../test/installer-fixture.ts';
import type { InstallerFixture } from '../../test/installer-fixture.ts';
import { packageOf, startRegistry } from '../../test/loopback-registry.ts';
import { ensureOpencode } from './ensure-opencode.ts';
import type { EnsureOpencodeOptions } from './ensure-opencode.ts';
import { evictPrograms } from './evict.ts';
import type { InstallProgress, InstallWarning } from './source.ts';

const wanted = `${testVersion}-linux-x64`;
const good = await packageOf('package/bin/opencode', `#!/bin/sh\necho ${testVersion}\n`);

/** Puts a version there that was used so many hours ago. */
async function put({ cacheDirectory }: InstallerFixture, name: string, hours: number, bytes = 1000): Promise<string> {
  const directory = join(cacheDirectory, name);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'opencode'), Buffer.alloc(bytes, '#'));
  await chmod(join(directory, 'opencode'), 0o755);
  await age(directory, hours);
  return directory;
}

async function age(directory: string, hours: number): Promise<void> {
  const then = new Date(Date.now() - hours * 3_600_000);
  await utimes(directory, then, then);
}

async function install(fixture: InstallerFixture, options: EnsureOpencodeOptions = {}): Promise<readonly string[]> {
  await using registry = await startRegistry({ packages: { [`opencode-linux-x64@${testVersion}`]: good } });
  const { cacheDirectory, host, probe } = fixture;
  await ensureOpencode(host, { source: fixture.source(registry.url), probe, ...options });
  return (await readdir(cacheDirectory)).toSorted();
}

/** Runs a version that does nothing, under bubblewrap or not, until it is ended. */
async function run(directory: string, isConfined = false): Promise<AsyncDisposable> {
  const path = join(directory, 'opencode');
  await copyFile('/bin/sleep', path);
  await age(directory, 99);
  const command = isConfined
    ? confineCommand([path, '1000'], { taskDirectory: directory, readOnly: [] })
    : [path, '1000'];
  const [program = '', ...words] = command;
  const child: ChildProcess = spawn(program, words, { stdio: 'ignore' });
  await once(child, 'spawn');
  return {
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

describe('ensureOpencode, when it has installed something', () => {
  it('keeps the three versions that were used last, whatever their number, and says what went', async () => {
    await using fixture = await createFixture();
    await put(fixture, '1.1.0-linux-x64', 2);
    await put(fixture, '1.2.0-linux-x64', 4);
    await put(fixture, '1.3.0-linux-x64-baseline', 3);
    await put(fixture, `sha256-${'0'.repeat(32)}-linux-x64`, 5);
    const progress: InstallProgress[] = [];
    expect(await install(fixture, { onProgress: (report) => progress.push(report) })).toEqual(
      ['1.1.0-linux-x64', '1.3.0-linux-x64-baseline', wanted].toSorted(),
    );
    expect(progress).toContainEqual({
      step: 'evict',
      message: `Removed sha256-${'0'.repeat(32)}-linux-x64, 1.2.0-linux-x64`,
    });
  });

  it('goes by the policy that is given, and removes nothing where that is said', async () => {
    await using fixture = await createFixture();
    await put(fixture, '1.1.0-linux-x64', 2, 300_000);
    await put(fixture, '1.2.0-linux-x64', 4, 300_000);
    expect(await install(fixture, { evict: false })).toHaveLength(3);
    const policy = { directory: fixture.cacheDirectory, wanted };
    const { host } = fixture;
    expect(await evictPrograms(host, { ...policy, policy: { maxBytes: 400_000 } })).toEqual(['1.2.0-linux-x64']);
    expect(await evictPrograms(host, { ...policy, policy: { keep: 1 } })).toEqual(['1.1.0-linux-x64']);
    expect(await evictPrograms(host, { ...policy, policy: { keep: 1 } })).toEqual([]);
    for (const evict of [{ keep: 0 }, { maxBytes: -1 }, { keep: Number.NaN }]) {
      await expect(ensureOpencode(host, { evict })).rejects.toThrow(TypeError);
    }
  });

  it('leaves what runs, confined or not, what was asked for just now, and what is not its own', async (context) => {
    await using fixture = await createFixture();
    const { cacheDirectory, home, probe } = fixture;
    if (!probe.canConfine) return context.skip('needs bubblewrap: apt-get install bubblewrap');
    await using _plain = await run(await put(fixture, '1.1.0-linux-x64', 99));
    await using _confined = await run(await put(fixture, '1.2.0-linux-x64', 99), true);
    await put(fixture, '1.3.0-linux-x64', 0.9);
    await writeFile(join(await put(fixture, '1.4.0-linux-x64', 99), 'notes.txt'), 'mine');
    await age(join(cacheDirectory, '1.4.0-linux-x64'), 99);
    await mkdir(join(home, 'elsewhere'));
    await writeFile(join(home, 'elsewhere/opencode'), '');
    await symlink(join(home, 'elsewhere'), join(cacheDirectory, '1.5.0-linux-x64'));
    await put(fixture, 'nightly', 99);
    await put(fixture, "odd 'name'-linux-x64", 99);
    await put(fixture, '1.6.0-linux-x64', 98);
    const left = await install(fixture, { evict: { keep: 1, maxBytes: 0 } });
    expect(left).not.toContain('1.6.0-linux-x64');
    expect(left).toHaveLength(8);
    await access(join(home, 'elsewhere/opencode'));
    return undefined;
  });

  it('marks what is asked for as used, without another trip', async () => {
    await using fixture = await createFixture();
    const { cacheDirectory, host } = fixture;
    await install(fixture);
    await age(join(cacheDirectory, wanted), 99);
    const before = fixture.runs();
    await install(fixture);
    expect(fixture.runs() - before).toBe(1);
    await put(fixture, '1.1.0-linux-x64', 2);
    const request = { directory: cacheDirectory, wanted: '1.1.0-linux-x64', policy: { keep: 1 } };
    expect(await evictPrograms(host, request)).toEqual([]);
    await age(join(cacheDirectory, wanted), 99);
    expect(await evictPrograms(host, request)).toEqual([wanted]);
  });

  it('warns when it cannot remove, and has installed all the same', async () => {
    await using fixture = await createFixture();
    const warnings: InstallWarning[] = [];
    const { host } = fixture;
    const failing = {
      ...host,
      run: async (...[command, options]: Parameters<typeof host.run>) =>
        host.run(command.some((word) => word.includes('.evicted.')) ? ['false'] : command, options),
    };
    for (const version of ['1.1.0', '1.2.0', '1.3.0']) await put(fixture, `${version}-linux-x64`, 2);
    const left = await install({ ...fixture, host: failing }, { onWarning: (warning) => warnings.push(warning) });
    expect(left).toHaveLength(4);
    expect(warnings.map(({ code }) => code)).toEqual(['DIGEST_NOT_PINNED', 'EVICTION_FAILED']);
  });

  it('works with a busybox userland', async (context) => {
    const busybox = await access('/bin/busybox').then(
      () => true,
      () => false,
    );
    if (!busybox) return context.skip("needs busybox: install Debian's busybox");
    await using fixture = await createFixture();
    const { cacheDirectory, home } = fixture;
    const bin = join(home, 'bin');
    await mkdir(bin);
    for (const applet of ['sh', 'ls', 'find', 'du', 'rm', 'rmdir', 'mv', 'cat', 'tr', 'ps'])
      await symlink('/bin/busybox', join(bin, applet));
    await using host = createLocalHost({ env: { HOME: home, PATH: bin } });
    await using _running = await run(await put(fixture, '1.1.0-linux-x64', 99));
    await put(fixture, '1.2.0-linux-x64', 98);
    await put(fixture, '1.3.0-linux-x64', 0.9);
    const request = { directory: cacheDirectory, wanted: '', policy: { keep: 1 } };
    expect(await evictPrograms(host, request)).toEqual(['1.2.0-linux-x64']);
    return undefined;
  });
});
