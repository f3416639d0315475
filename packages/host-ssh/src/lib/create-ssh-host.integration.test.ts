import { execFile } from 'node:child_process';
import { access, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Host } from '@optio-ts/host-core';
import { hostContract } from '@optio-ts/host-core/testing';
import { startDropbear, startSsh2Server, startSshd, type SshServer, type StartSshdOptions } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { createSshHost } from '../index.ts';

/** A server, or why there is none here; and what goes with it. */
interface Started {
  readonly server?: SshServer;
  readonly reason?: string | undefined;
  readonly close?: () => Promise<void>;
}

interface Setting {
  readonly name: string;
  /** Only the cases of commands themselves. */
  readonly isLoginShell?: boolean;
  readonly start: () => Promise<Started>;
}

const openSsh = async (options: StartSshdOptions): Promise<Started> => {
  const shell = options.loginShell ?? '/bin/sh';
  if (!(await isThere(shell))) return { reason: `${shell}: apt-get install fish tcsh` };
  const { sshd, reason } = await startSshd(options);
  return sshd ? { server: sshd } : { reason };
};

const noisyBashrc = 'echo "noise on stdout"; printf "and no line break" >&2; set -o noclobber; cd /';

/** The same contract, whatever the server, whoever logs in and whatever shell reads the login. */
const settings: readonly Setting[] = [
  { name: 'OpenSSH, the user of this test', start: () => openSsh({ user: 'self' }) },
  // Whose login shell is /bin/sh, which is dash here.
  { name: 'OpenSSH, another user with another home', start: () => openSsh({ user: 'other' }) },
  { name: 'OpenSSH, a user who has busybox alone', start: startBusybox },
  {
    name: 'dropbear, another user with another home',
    start: async () => {
      const { dropbear, reason } = await startDropbear({ user: 'other' });
      return dropbear ? { server: dropbear } : { reason };
    },
  },
  { name: 'a server of ssh2', start: async () => ({ server: await startSsh2Server() }) },
  {
    name: 'OpenSSH, the login shell a noisy bash',
    isLoginShell: true,
    start: () => openSsh({ user: 'other', loginShell: '/bin/bash', homeFiles: { '.bashrc': noisyBashrc } }),
  },
  {
    name: 'OpenSSH, the login shell fish',
    isLoginShell: true,
    start: () =>
      openSsh({ user: 'other', loginShell: '/usr/bin/fish', homeFiles: { '.config/fish/config.fish': 'echo noise' } }),
  },
  {
    name: 'OpenSSH, the login shell tcsh',
    isLoginShell: true,
    start: () =>
      openSsh({ user: 'other', loginShell: '/usr/bin/tcsh', homeFiles: { '.tcshrc': 'echo noise; set echo' } }),
  },
];

/** What a login shell can influence: it reads the bootstrap, and every file and archive is a command like these. */
const aboutCommands = /^(run|stdin|spawn|kill|disposing|exited|abort|timeoutMs|the host) /;

for (const { name: setting, start, isLoginShell = false } of settings) {
  describe(`createSshHost over ${setting}`, () => {
    let started: Started = {};
    let host: Host;
    let directories = 0;

    const open = (server: SshServer): Host => createSshHost(loginTo(server));

    beforeAll(async () => {
      started = await start();
      if (started.server) host = open(started.server);
    });

    afterAll(async () => {
      try {
        await host?.[Symbol.asyncDispose]();
      } finally {
        await started.server?.close();
        await started.close?.();
      }
    });

    for (const { name, run } of hostContract) {
      if (isLoginShell && !aboutCommands.test(name)) continue;
      it(name, async (ctx) => {
        const { server, reason } = started;
        if (!server) return ctx.skip(`needs ${reason}`);
        directories += 1;
        const directory = `${server.home}/case ${directories}`;
        await host.run(['mkdir', directory]);
        await run({ host, directory, openHost: () => open(server) });
      });
    }
  });
}

/** A user to whom all there is, the login shell included, is busybox, as on Alpine: neither bash nor GNU's tools. */
async function startBusybox(): Promise<Started> {
  const busybox = '/bin/busybox';
  if (!(await isThere(busybox))) return { reason: "busybox: install Debian's busybox" };
  const bin = await mkdtemp(join(tmpdir(), 'optio-busybox-'));
  const close = (): Promise<void> => rm(bin, { recursive: true, force: true });
  try {
    await promisify(execFile)('chmod', ['755', bin]);
    const { stdout } = await promisify(execFile)(busybox, ['--list']);
    for (const applet of stdout.trim().split('\n')) await symlink(busybox, join(bin, applet));
    const started = await openSsh({ user: 'other', loginShell: join(bin, 'sh'), env: { PATH: bin } });
    if (!started.server) await close();
    return { ...started, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
