import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Host } from '@optio-ts/host-core';
import { hostContract } from '@optio-ts/host-core/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';

import { createChrootHost } from './chroot-host.ts';

let root: string;
let host: Host;
let reason: string | undefined;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'optio-chroot-'));
  for (const name of ['dev', 'etc', 'proc', 'root', 'tmp', 'usr']) await mkdir(join(root, name));
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${name}`, join(root, name));
  for (const name of ['alternatives', 'group', 'ld.so.cache', 'passwd']) {
    await cp(join('/etc', name), join(root, 'etc', name), { recursive: true, verbatimSymlinks: true });
  }
  reason = await promisify(execFile)('unshare', ['--mount', 'true']).then(
    () => undefined,
    () => 'root, with the right to mount',
  );
  host = createChrootHost({ root });
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

// What follows from the port takes a minute: all of it is run with OPTIO_SOAK=1, and by whoever writes a host of their own.
const port = /^(?:run|stdin|spawn|kill|abort|timeoutMs|disposing|dispose|forwardPort|startSupervised|a supervised) /;
const cases = hostContract.filter(({ name }) => process.env['OPTIO_SOAK'] === '1' || port.test(name));

describe('createChrootHost', () => {
  for (const [index, { name, run }] of cases.entries()) {
    it(name, async (context) => {
      if (reason !== undefined) return context.skip(`needs ${reason}`);
      const directory = `/tmp/case-${index}`;
      await mkdir(join(root, directory));
      await run({ host, directory, openHost: () => createChrootHost({ root }) });
    });
  }
});
