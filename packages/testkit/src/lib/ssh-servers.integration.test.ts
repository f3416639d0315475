import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { access, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import ssh2 from 'ssh2';
import type { ClientChannel, ConnectConfig } from 'ssh2';
import { describe, expect, it, type TestContext } from 'vitest';

import { startDropbear } from './dropbear.ts';
import type { SshServer } from './ssh-server.ts';
import { startSsh2Server } from './ssh2-server.ts';
import { startSshd } from './sshd.ts';

interface Kind {
  readonly name: string;
  readonly start: (user: 'self' | 'other') => Promise<{ readonly server?: SshServer; readonly reason?: string }>;
  readonly users: readonly ('self' | 'other')[];
}

const kinds: readonly Kind[] = [
  {
    name: 'startSshd',
    users: ['self', 'other'],
    start: async (user) => {
      const { sshd: server, reason } = await startSshd({ user });
      return server ? { server } : { reason };
    },
  },
  {
    name: 'startDropbear',
    users: ['self', 'other'],
    start: async (user) => {
      const { dropbear: server, reason } = await startDropbear({ user });
      return server ? { server } : { reason };
    },
  },
  { name: 'startSsh2Server', users: ['self'], start: async () => ({ server: await startSsh2Server() }) },
];

async function start(ctx: TestContext, kind: Kind, user: 'self' | 'other'): Promise<SshServer> {
  const { server, reason } = await kind.start(user);
  return server ?? ctx.skip(`needs ${reason}`);
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** OpenSSH's own client, which believes nothing but what the server says of itself. */
async function ssh(server: SshServer, command: string, ...more: string[]): Promise<Ended> {
  const knownHosts = join(dirname(server.privateKeyFile), 'known_hosts');
  await writeFile(knownHosts, server.knownHosts);
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${knownHosts}`,
    'IdentitiesOnly=yes',
  ];
  return promisify(execFile)(
    'ssh',
    [
      ...options.flatMap((option) => ['-o', option]),
      '-F',
      'none',
      '-i',
      server.privateKeyFile,
      '-p',
      String(server.port),
      '-l',
      server.user,
      ...more,
      server.host,
      command,
    ],
    { maxBuffer: 64 * 1024 * 1024 },
  );
}

for (const kind of kinds) {
  describe(kind.name, () => {
    for (const user of kind.users) {
      it(`lets OpenSSH’s own client in as ${user}, with a home of its own, and removes it`, async (ctx) => {
        await using server = await start(ctx, kind, user);
        expect((await ssh(server, 'id -un; cd; pwd')).stdout).toBe(`${server.user}\n${server.home}\n`);
        await server.close();
        await expect(access(dirname(server.privateKeyFile))).rejects.toThrow('ENOENT');
        if (user === 'other') await expect(promisify(execFile)('getent', ['passwd', server.user])).rejects.toThrow();
      });
    }

    it('runs commands: both streams, more than any window holds, and how they end', async (ctx) => {
      await using server = await start(ctx, kind, 'self');
      const script = 'head -c 6000000 /dev/zero >&2 & head -c 6000000 /dev/zero; wait; exit 7';
      const ended = (await ssh(server, script).catch((error: unknown) => error)) as Ended & { readonly code: number };
      expect([ended.stdout.length, ended.stderr.length, ended.code]).toEqual([6_000_000, 6_000_000, 7]);
    });

    it('ends what a login left behind', async (ctx) => {
      await using server = await start(ctx, kind, 'self');
      await ssh(server, 'setsid sleep 600 >/dev/null 2>&1 </dev/null &');
      const [left, ...others] = await server.processes();
      expect(left?.command).toContain('sleep 600');
      // The session that sshd leaves to itself when its client has gone is not waited for.
      expect(others.filter(({ command }) => command.includes('sleep'))).toEqual([]);
      await server.close();
      expect(await server.processes()).toEqual([]);
    });

    it('forwards ports', async (ctx) => {
      await using server = await start(ctx, kind, 'self');
      const target = createServer((socket) => socket.end('reached'));
      target.listen(0, '127.0.0.1');
      await once(target, 'listening');
      const { port } = target.address() as AddressInfo;
      expect((await ssh(server, '', '-W', `127.0.0.1:${port}`)).stdout).toBe('reached');
      target.close();
    });
  });
}

describe('startSsh2Server', () => {
  const client = async (server: SshServer, config: Partial<ConnectConfig>): Promise<string> => {
    const connection = new ssh2.Client();
    try {
      const outcome = new Promise<string>((resolve) => {
        connection.on('ready', () => resolve('in')).on('error', ({ message }) => resolve(message));
      });
      connection.on('keyboard-interactive', (_name, _instructions, _language, prompts, finish) => {
        finish(prompts.map(({ prompt }) => (prompt === 'Code: ' ? '42' : 'pass word')));
      });
      connection.connect({ host: server.host, port: server.port, username: server.user, ...config });
      return await outcome;
    } finally {
      connection.destroy();
    }
  };
  const refused = 'All configured authentication methods failed';

  it('takes a password', async () => {
    await using server = await startSsh2Server({ login: { publicKey: false, password: 'pass word' } });
    expect(await client(server, { password: 'wrong' })).toBe(refused);
    expect(await client(server, { password: 'pass word' })).toBe('in');
    expect(await client(server, { privateKey: server.privateKey })).toBe(refused);
    expect(await client(server, { username: 'nobody', password: 'pass word' })).toBe(refused);
    expect(server.log()).toContain(`Accepted password for ${server.user}\n`);
  });

  it('asks questions, in rounds, some of them with none', async () => {
    const keyboardInteractive = [
      { questions: [{ prompt: 'Password: ', answer: 'pass word' }] },
      { title: 'Second factor', questions: [{ prompt: 'Code: ', echo: true, answer: '42' }] },
      { instructions: 'Last login: yesterday', questions: [] },
    ];
    await using server = await startSsh2Server({ login: { publicKey: false, keyboardInteractive } });
    expect(await client(server, { tryKeyboard: true })).toBe('in');
    expect(await client(server, { password: 'pass word' })).toBe(refused);
  });

  it('can want a key and then an answer', async () => {
    const keyboardInteractive = [{ questions: [{ prompt: 'Code: ', answer: '42' }] }];
    await using server = await startSsh2Server({ login: { keyboardInteractive, all: true } });
    const { privateKey } = server;
    expect(await client(server, { privateKey, tryKeyboard: true })).toBe('in');
    expect(await client(server, { privateKey })).toBe(refused);
    expect(await client(server, { tryKeyboard: true })).toBe(refused);
  });

  it('allows so many sessions on a connection', async () => {
    await using server = await startSsh2Server({ maxSessions: 1 });
    const connection = new ssh2.Client().connect({
      host: server.host,
      port: server.port,
      username: server.user,
      privateKey: server.privateKey,
    });
    await once(connection, 'ready');
    const exec = promisify(connection.exec.bind(connection)) as (command: string) => Promise<ClientChannel>;
    const first = await exec('read line');
    await expect(exec('true')).rejects.toThrow('Channel open failure');
    const closed = once(first, 'close');
    first.resume().end('x\n');
    await closed;
    const second = await exec('exit 3');
    expect(await once(second.resume(), 'exit')).toEqual([3]);
    const ended = once(connection, 'close');
    connection.end();
    await ended;
  });
});
