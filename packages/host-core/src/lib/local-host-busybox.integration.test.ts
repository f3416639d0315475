import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, it } from 'vitest';

import { hostContract } from '../testing.ts';
import type { Host } from './host.ts';
import { createLocalHost } from './local-host.ts';

const busybox = '/bin/busybox';
const isThere = await access(busybox).then(
  () => true,
  () => false,
);

/** The contract over a PATH that holds nothing but busybox, as on Alpine: neither bash nor GNU's tools. */
describe('createLocalHost with busybox alone', () => {
  let root = '';
  let host: Host | undefined;
  const open = (): Host => createLocalHost({ env: { PATH: join(root, 'bin'), HOME: root } });

  beforeAll(async () => {
    if (!isThere) return;
    root = await mkdtemp(join(tmpdir(), 'optio-busybox-'));
    await mkdir(join(root, 'bin'));
    const { stdout } = await promisify(execFile)(busybox, ['--list']);
    for (const applet of stdout.trim().split('\n')) await symlink(busybox, join(root, 'bin', applet));
    host = open();
  });

  afterAll(async () => {
    await host?.[Symbol.asyncDispose]();
    if (root !== '') await rm(root, { recursive: true, force: true });
  });

  for (const { name, run } of hostContract) {
    it(name, async (ctx) => {
      if (host === undefined) return ctx.skip("needs busybox: install Debian's busybox");
      await run({ host, directory: await mkdtemp(join(root, 'case-')), openHost: open });
    });
  }
});
