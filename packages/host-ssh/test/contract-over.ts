import { access } from 'node:fs/promises';

import type { Host } from '@optio-ts/host-core';
import { hostContract } from '@optio-ts/host-core/testing';
import { startSshd } from '@optio-ts/testkit';
import type { SshServer, StartSshdOptions } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';

import { createSshHost } from '../src/index.ts';
import { loginTo } from './login-to.ts';

/** A server, or why there is none here; and what goes with it. */
export interface Started {
  readonly server?: SshServer;
  readonly reason?: string | undefined;
  readonly close?: () => Promise<void>;
}

/** OpenSSH as a server to run the contract over. */
export async function startOpenSsh(options: StartSshdOptions): Promise<Started> {
  const shell = options.loginShell ?? '/bin/sh';
  if (!(await isThere(shell))) return { reason: `${shell}: apt-get install fish tcsh` };
  const { sshd, reason } = await startSshd(options);
  return sshd ? { server: sshd } : { reason };
}

/**
 * Runs the cases of the host contract over a server: the same ones, whatever the server, whoever logs in and whatever shell
 * reads the login. A server has a test file of its own, so that several are tried at a time.
 */
export function contractOver(
  setting: string,
  start: () => Promise<Started>,
  cases: typeof hostContract = hostContract,
): void {
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

    for (const { name, run } of cases) {
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

/** Whether there is such a file. */
export function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
