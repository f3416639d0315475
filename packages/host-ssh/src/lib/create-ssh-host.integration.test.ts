import { access } from 'node:fs/promises';

import type { Host } from '@optio-ts/host-core';
import { hostContract } from '@optio-ts/host-core/testing';
import { startSshd, type Sshd, type StartSshdOptions } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';

import { createSshHost, pinnedKey } from '../index.ts';

interface Setting {
  readonly name: string;
  readonly options: StartSshdOptions;
}

const noisyBashrc = 'echo "noise on stdout"; printf "and no line break" >&2; set -o noclobber; cd /';

/** The same contract, whoever logs in and whatever shell reads the login. */
const settings: readonly Setting[] = [
  { name: 'the user of this test', options: { user: 'self' } },
  { name: 'another user with another home', options: { user: 'other' } },
  {
    name: 'a user whose login shell is a noisy bash',
    options: { user: 'other', loginShell: '/bin/bash', homeFiles: { '.bashrc': noisyBashrc } },
  },
  {
    name: 'a user whose login shell is fish',
    options: { user: 'other', loginShell: '/usr/bin/fish', homeFiles: { '.config/fish/config.fish': 'echo noise' } },
  },
  {
    name: 'a user whose login shell is tcsh',
    options: { user: 'other', loginShell: '/usr/bin/tcsh', homeFiles: { '.tcshrc': 'echo noise; set echo' } },
  },
];

for (const { name: setting, options } of settings) {
  describe(`createSshHost over OpenSSH, ${setting}`, () => {
    let sshd: Sshd | undefined;
    let reason: string | undefined;
    let host: Host;
    let directories = 0;

    const open = (server: Sshd): Host =>
      createSshHost({
        host: server.host,
        port: server.port,
        user: server.user,
        authentication: { type: 'key', privateKey: server.privateKey },
        hostKeys: pinnedKey(...server.hostKeys.map(({ fingerprint }) => fingerprint)),
      });

    beforeAll(async () => {
      const shell = options.loginShell;
      reason = await access(shell ?? '/bin/sh').then(
        () => undefined,
        () => `${shell}: apt-get install fish tcsh`,
      );
      if (reason === undefined) ({ sshd, reason } = await startSshd(options));
      if (sshd) host = open(sshd);
    });

    afterAll(async () => {
      try {
        await host?.[Symbol.asyncDispose]();
      } finally {
        await sshd?.close();
      }
    });

    for (const { name, run } of hostContract) {
      it(name, async (ctx) => {
        if (!sshd) return ctx.skip(`needs ${reason}`);
        const server = sshd;
        directories += 1;
        const directory = `${server.home}/case ${directories}`;
        await host.run(['mkdir', directory]);
        await run({ host, directory, openHost: () => open(server) });
      });
    }
  });
}
