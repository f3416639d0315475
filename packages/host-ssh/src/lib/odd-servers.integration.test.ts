import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect, createServer, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';

import type { Host } from '@optio-ts/host-core';
import { startSsh2Server, type Ssh2CommandRequest, type Ssh2Oddity } from '@optio-ts/testkit';
import type { Connection, ServerChannel } from 'ssh2';
import { describe, expect, it } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { watchResources } from '../../test/resources.ts';
import { createSshHost, type CreateSshHostOptions } from '../index.ts';

type ServerOptions = NonNullable<Parameters<typeof startSsh2Server>[0]>;

const connectTimeoutMs = 2000;

/** Gives the test a host on such a server, and looks that nothing of it is left afterwards. */
async function onServer(
  options: ServerOptions,
  test: (host: Host) => Promise<void>,
  hostOptions: Partial<CreateSshHostOptions> = {},
): Promise<void> {
  const resources = watchResources();
  await using server = await startSsh2Server(options);
  const host = createSshHost({
    ...loginTo(server),
    connectTimeoutMs,
    ...hostOptions,
  });
  try {
    await test(host);
  } finally {
    await host[Symbol.asyncDispose]();
  }
  // Soon: a timer that was forgotten would end some time, too.
  await expect.poll(() => resources.left(), { timeout: 10_000 }).toEqual([]);
  resources.stop();
  await expect.poll(() => server.processes()).toEqual([]);
}

const text = async (host: Host, ...command: string[]): Promise<string> => String((await host.run(command)).stdout);

/** Runs `count` commands at once and checks that each has its own result. */
async function runAtOnce(host: Host, count: number): Promise<void> {
  const words = Array.from({ length: count }, (_, index) => `word ${index}`);
  expect(await Promise.all(words.map((word) => text(host, 'echo', word)))).toEqual(words.map((word) => `${word}\n`));
}

/** What a run ends with: its error has to name the host. */
async function failure(host: Host): Promise<string> {
  const error = (await host.run(['true']).catch((caught: unknown) => caught)) as Error & { code?: string };
  expect(error.message).toContain(host.description);
  return `${error.code}: ${error.message.replace(host.description, 'HOST')}`;
}

/** Tells the end by a signal of a name that is in no list, which ssh2 does not do by itself. */
function tellUnknownSignal(channel: ServerChannel): void {
  const { SIGNALS } = createRequire(import.meta.url)('ssh2/lib/protocol/constants.js') as {
    SIGNALS: Record<string, 1>;
  };
  SIGNALS['STRANGE'] = 1;
  channel.exit('STRANGE', false, '');
  delete SIGNALS['STRANGE'];
}

/** Whether a port of the server's machine can be reached. */
async function reachesPort(host: Host): Promise<void> {
  const target = createServer((socket) => socket.end('reached')).listen(0, '127.0.0.1');
  await once(target, 'listening');
  try {
    await using forward = await host.forwardPort((target.address() as AddressInfo).port);
    const socket = connect(forward.localPort, '127.0.0.1');
    let received = '';
    for await (const chunk of socket) received += String(chunk);
    expect(received).toBe('reached');
  } finally {
    target.close();
  }
}

describe('a server that runs no commands fails at once, with the reason', () => {
  const cases: readonly (readonly [string, Ssh2Oddity, string | RegExp])[] = [
    [
      'refuses every command, as for an account that is for sftp alone',
      { onCommand: ({ refuse }) => refuse() },
      'HOST_UNSUPPORTED: Cannot run commands on HOST: the server runs no commands (Unable to exec); does it let this account use sftp alone?',
    ],
    [
      'refuses every session',
      { onSession: ({ refuse }) => refuse() },
      /^HOST_UNSUPPORTED: Cannot run commands on HOST: the server allows no session \(.*open failure.*\)$/,
    ],
    [
      'closes each channel at once',
      { onCommand: ({ accept }) => accept().close() },
      'HOST_UNSUPPORTED: Cannot run commands on HOST: the login shell runs no commands: it ended without an exit code and said nothing',
    ],
    [
      'runs a command of its own, whatever was asked',
      {
        onCommand: ({ serve }) =>
          serve({ command: 'printf "\\033[1mThis service allows sftp only.\\033[m\n"; exit 1' }),
      },
      'HOST_UNSUPPORTED: Cannot run commands on HOST: the login shell runs no commands: it ended with code 1 and said: [1mThis service allows sftp only. [m',
    ],
  ];
  it.each(cases)('%s', async (_, oddity, message) => {
    await onServer({ oddity }, async (host) => {
      // A connection that carries a port is kept. More often than it may have sessions: none of these is left open.
      await reachesPort(host);
      for (let count = 0; count < 12; count += 1) expect(await failure(host)).toMatch(message);
    });
  });

  it('and is asked anew by the next call, over a connection that knows of what was changed there', async () => {
    const logins = new Map<Connection, boolean>();
    let isMended = false;
    const oddity: Ssh2Oddity = {
      onLogin: (connection) => void logins.set(connection, isMended),
      onCommand: ({ connection, refuse, serve }) => (logins.get(connection) === true ? serve() : refuse()),
    };
    await onServer({ oddity }, async (host) => {
      expect(await failure(host)).toContain('the server runs no commands');
      isMended = true;
      await runAtOnce(host, 4);
    });
  });
});

describe('a server that does not answer fails within the time for a connection, with what it said', () => {
  const unanswered = 'server did not answer within 500 ms when asked for a shell';
  const notReady = 'login shell was not ready within 500 ms';
  const forced = 'is another command forced on this account?';
  const cases: readonly (readonly [string, Ssh2Oddity, string])[] = [
    ['when a session is opened', { onSession: () => undefined }, unanswered],
    ['when a command is asked for', { onCommand: () => undefined }, unanswered],
    [
      'after it has taken a command',
      { onCommand: ({ accept }) => void accept() },
      `${notReady} and said nothing; ${forced}`,
    ],
    [
      'but runs sftp, whatever was asked',
      { onCommand: ({ serve }) => serve({ command: 'echo Welcome; exec cat >/dev/null' }) },
      `${notReady} and said: Welcome; ${forced}`,
    ],
  ];
  it.each(cases)('%s', async (_, oddity, said) => {
    await onServer(
      { oddity },
      async (host) => {
        const failures = await Promise.all([failure(host), failure(host)]);
        const found = `CONNECT_FAILED: Cannot use HOST: its ${said}`;
        expect(failures).toEqual([found, found]);
        await reachesPort(host);
      },
      { connectTimeoutMs: 500 },
    );
  });
});

describe('a server that hangs up', () => {
  const hungUp =
    'CONNECT_FAILED: Cannot use HOST: it closed 3 connections in a row before a shell was ready; its log may say why';

  it('right after each login is given up after three', async () => {
    let logins = 0;
    const onLogin: Ssh2Oddity['onLogin'] = (connection) => {
      logins += 1;
      connection.end();
    };
    await onServer({ oddity: { onLogin } }, async (host) => {
      expect(await Promise.all([failure(host), failure(host)])).toEqual([hungUp, hungUp]);
      expect(logins).toBe(3);
    });
  });

  it('in the middle of each first shell is given up after three, and used when it does so no more', async () => {
    let isOdd = true;
    const onCommand = ({ connection, accept, serve }: Ssh2CommandRequest): void => {
      if (!isOdd) return serve();
      accept().write('half a l');
      connection.end();
    };
    await onServer({ oddity: { onCommand } }, async (host) => {
      expect(await failure(host)).toBe(hungUp);
      isOdd = false;
      await runAtOnce(host, 4);
    });
  });

  it('in the middle of the first shell is asked again', async () => {
    let commands = 0;
    const onCommand = ({ connection, serve }: Ssh2CommandRequest): void => {
      commands += 1;
      if (commands === 1) connection.end();
      else serve();
    };
    await onServer({ oddity: { onCommand } }, (host) => runAtOnce(host, 4));
  });
});

describe('a server that refuses for a moment keeps nobody from a result', () => {
  const ways: readonly (readonly [string, (isOdd: () => boolean) => Ssh2Oddity])[] = [
    ['a session', (isOdd) => ({ onSession: ({ refuse, serve }) => (isOdd() ? refuse() : serve()) })],
    ['a command', (isOdd) => ({ onCommand: ({ refuse, serve }) => (isOdd() ? refuse() : serve()) })],
    [
      'a command, by closing its channel',
      (isOdd) => ({ onCommand: ({ accept, serve }) => (isOdd() ? accept().close() : serve()) }),
    ],
    ['an answer to a session', (isOdd) => ({ onSession: ({ serve }) => (isOdd() ? undefined : serve()) })],
    ['an answer to a command', (isOdd) => ({ onCommand: ({ serve }) => (isOdd() ? undefined : serve()) })],
  ];
  describe.each([1, 8])('with %i connections at most', (maxConnections) => {
    it.each(ways)('%s', async (_, odd) => {
      let requests = 0;
      // All that are to be ready for the second command, and some while many wait.
      const isOdd = (): boolean => [2, 3, 4, 8, 9].includes((requests += 1));
      await onServer(
        { oddity: odd(isOdd) },
        async (host) => {
          await runAtOnce(host, 1);
          await runAtOnce(host, 1);
          await runAtOnce(host, 12);
        },
        { maxConnections, connectTimeoutMs: 500 },
      );
    });
  });

  it.each([
    { what: 'a session', reason: 'the server allows no session' },
    { what: 'a command', reason: 'the server runs no commands (Unable to exec)' },
  ])('and tells the reason where it goes on with $what, and works when it stops', async ({ what, reason }) => {
    let isOdd = false;
    const answer = ({ refuse, serve }: { refuse: () => void; serve: () => void }): void => (isOdd ? refuse() : serve());
    const oddity: Ssh2Oddity = what === 'a session' ? { onSession: answer } : { onCommand: answer };
    await onServer({ oddity }, async (host) => {
      const stdin = new PassThrough();
      const long = await host.spawn(['sh', '-c', 'read line; exit $line'], { stdin });
      isOdd = true;
      const failures: string[] = [];
      // Some shells were ready before.
      while (failures.length < 2) await host.run(['true']).catch((error: Error) => failures.push(error.message));
      const found = expect.stringContaining(reason) as string;
      expect(failures).toEqual([found, found]);
      isOdd = false;
      stdin.end('7\n');
      // Also where the connection is given up as soon as it is over.
      expect(await long.exited).toEqual({ exitCode: 7, signal: undefined });
      await runAtOnce(host, 12);
    });
  });
});

describe('the end of a command', () => {
  it('is waited for where its exit is told before its output', async () => {
    const oddity: Ssh2Oddity = {
      onCommand: ({ serve }) =>
        serve({
          beforeOutput: (chunk, exited) => (chunk.includes('-ready') || chunk.includes('-go') ? undefined : exited),
        }),
    };
    await onServer({ oddity }, async (host) => {
      const script = 'head -c 60000 /dev/zero; echo error >&2; exit 3';
      const { stdout, stderr, exitCode } = await host.run(['sh', '-c', script]);
      expect([stdout.length, String(stderr), exitCode]).toEqual([60_000, 'error\n', 3]);
    });
  });

  it('is unknown where no exit is told, and the next command is not held up by it', async () => {
    let isOdd = true;
    const oddity: Ssh2Oddity = {
      onCommand: ({ serve }) => serve({ tellExit: (_channel, tell) => (isOdd ? undefined : tell()) }),
    };
    await onServer({ oddity }, async (host) => {
      const found = [failure(host), failure(host)];
      expect(new Set(await Promise.all(found))).toEqual(
        new Set([
          'CONNECTION_LOST: Cannot run true on HOST: the connection was lost, and with it whether the command ended: the server closed its channel without telling an exit',
        ]),
      );
      isOdd = false;
      await runAtOnce(host, 4);
    });
  });

  it('is by an unknown signal where the server has a name of its own for it', async () => {
    let isOdd = true;
    const oddity: Ssh2Oddity = {
      onCommand: ({ serve }) => serve({ tellExit: (channel, tell) => (isOdd ? tellUnknownSignal(channel) : tell()) }),
    };
    await onServer({ oddity }, async (host) => {
      expect(await host.run(['echo', 'out'])).toMatchObject({
        stdout: Buffer.from('out\n'),
        exitCode: undefined,
        signal: 'SIGUNKNOWN',
      });
      isOdd = false;
    });
  });
});

it('a server that talks before its name and before the login is used like any other', async () => {
  const greeting = `${'Authorized use only.\r\n'.repeat(200)}SSH is not what this line begins with`;
  await onServer({ greeting, banner: 'Welcome!\r\n'.repeat(500) }, (host) => runAtOnce(host, 4));
});
