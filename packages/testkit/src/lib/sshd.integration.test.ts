import { execFile } from 'node:child_process';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it, type TestContext } from 'vitest';

import { startSshd, type Sshd, type StartSshdOptions } from './sshd.ts';

async function start(ctx: TestContext, options?: StartSshdOptions): Promise<Sshd> {
  const { sshd, reason } = await startSshd(options);
  return sshd ?? ctx.skip(`needs ${reason}`);
}

async function ssh(sshd: Sshd, command: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'optio-ssh-test-'));
  try {
    const knownHosts = join(directory, 'known_hosts');
    await writeFile(knownHosts, sshd.knownHosts);
    const options = [
      'BatchMode=yes',
      'StrictHostKeyChecking=yes',
      `UserKnownHostsFile=${knownHosts}`,
      'IdentitiesOnly=yes',
    ];
    const { stdout } = await promisify(execFile)('ssh', [
      '-F',
      'none',
      '-i',
      sshd.privateKeyFile,
      '-p',
      String(sshd.port),
      ...options.flatMap((option) => ['-o', option]),
      '-l',
      sshd.user,
      sshd.host,
      command,
    ]);
    return stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('startSshd', () => {
  it('lets OpenSSH’s own client in with the key it made, under the host key it names', async (ctx) => {
    await using sshd = await start(ctx, { hostKeys: ['ed25519', 'rsa'] });
    expect(await ssh(sshd, 'echo "$HOME"')).toBe(`${sshd.home}\n`);
    expect(sshd.hostKeys.map(({ fingerprint }) => fingerprint.slice(0, 7))).toEqual(['SHA256:', 'SHA256:']);
  });

  it('logs another user in, with a home of its own, and removes both', async (ctx) => {
    await using sshd = await start(ctx, {
      user: 'other',
      homeFiles: { '.config/fish/config.fish': 'x' },
    });
    expect(await ssh(sshd, 'id -un; pwd; cat .config/fish/config.fish')).toBe(`${sshd.user}\n${sshd.home}\nx`);
    await sshd.close();
    await expect(promisify(execFile)('getent', ['passwd', sshd.user])).rejects.toThrow();
    await expect(access(sshd.home)).rejects.toThrow('ENOENT');
  });

  it('ends what a login left behind', async (ctx) => {
    await using sshd = await start(ctx);
    await ssh(sshd, 'setsid sleep 600 >/dev/null 2>&1 </dev/null &');
    const [left, ...others] = await sshd.processes();
    expect(left?.command).toBe('sleep 600');
    expect(others).toEqual([]);
    await sshd.close();
    expect(await sshd.processes()).toEqual([]);
    await expect(access(dirname(sshd.privateKeyFile))).rejects.toThrow('ENOENT');
  });
});
