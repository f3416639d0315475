import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, inspect } from 'node:util';

import type { Host } from '@optio-ts/host-core';
import { startSsh2Server, startSshd, type SshServer, type StartSshdOptions } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext } from 'vitest';

import {
  createSshHost,
  fromSshConfig,
  pinnedKey,
  type CreateSshHostOptions,
  type SshAuthentication,
} from '../index.ts';

const run = promisify(execFile);
const passphrase = 'pass phrase ü';
/** Whatever goes wrong, this is nowhere in it. */
const secrets = [passphrase, 'hunter2', 'right answer', 'PRIVATE KEY', 'b3BlbnNzaC1rZXktdjE'];

let directory: string;
let server: SshServer | undefined;
let reason: string | undefined;
const opened: AsyncDisposable[] = [];

const kinds = [
  ['ed25519', 'RFC4716'],
  ['rsa', 'RFC4716'],
  ['rsa', 'PEM'],
  ['rsa', 'PKCS8'],
  ['ecdsa', 'RFC4716'],
  ['ecdsa', 'PEM'],
  ['ecdsa', 'PKCS8'],
] as const;
/** Every kind of key in every format, plain and encrypted. */
const keyNames = [...kinds.map(([type, format]) => `${type}-${format}`), 'ed25519-PKCS8'].flatMap((name) => [
  `${name}-plain`,
  `${name}-encrypted`,
]);
const keyPath = (name: string): string => join(directory, name);

async function makeKey(name: string): Promise<void> {
  const [type = '', format = '', how] = name.split('-');
  const path = keyPath(name);
  const secret = how === 'encrypted' ? passphrase : '';
  if (name.startsWith('ed25519-PKCS8')) {
    // The ssh-keygen of many systems writes no such file, and keeps OpenSSH's format.
    const { privateKey } = generateKeyPairSync('ed25519');
    const cipher = { cipher: 'aes-256-cbc', passphrase };
    const options = { type: 'pkcs8', format: 'pem', ...(how === 'encrypted' ? cipher : {}) } as const;
    await writeFile(path, privateKey.export(options), { mode: 0o600 });
    const { x = '' } = privateKey.export({ format: 'jwk' });
    const blob = Buffer.concat([Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20', 'latin1'), Buffer.from(x, 'base64url')]);
    return writeFile(`${path}.pub`, `ssh-ed25519 ${blob.toString('base64')}\n`);
  }
  const size = type === 'rsa' ? ['-b', '2048'] : [];
  // OpenSSH's own format is what ssh-keygen writes unless it is told otherwise.
  const form = format === 'RFC4716' ? [] : ['-m', format];
  await run('ssh-keygen', ['-q', '-t', type, ...size, ...form, '-N', secret, '-C', name, '-f', path]);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-login-'));
  await chmod(directory, 0o711);
  try {
    await Promise.all(keyNames.map(makeKey));
  } catch (error) {
    reason = `OpenSSH’s ssh-keygen: apt-get install openssh-client (${String(error)})`;
    return;
  }
  const lines = await Promise.all(keyNames.map((name) => readFile(`${keyPath(name)}.pub`, 'utf8')));
  await writeFile(join(directory, 'authorized_keys'), lines.join(''), { mode: 0o644 });
  ({ sshd: server, reason } = await startSshd({ config: authorized() }));
});
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});
afterAll(async () => {
  await server?.close();
  await rm(directory, { recursive: true });
});

const authorized = (): readonly string[] => [`AuthorizedKeysFile ${join(directory, 'authorized_keys')}`];
const useServer = (ctx: TestContext): SshServer => server ?? ctx.skip(`needs ${reason}`);

async function useOwn(ctx: TestContext, options: StartSshdOptions): Promise<SshServer> {
  useServer(ctx);
  const { sshd, reason: missing } = await startSshd({
    ...options,
    config: [...(options.config ?? []), ...authorized()],
  });
  if (!sshd) return ctx.skip(`needs ${missing}`);
  opened.push(sshd);
  return sshd;
}

function open(at: SshServer, authentication: CreateSshHostOptions['authentication']): Host {
  const { host: name, port, user, hostKeys } = at;
  const pins = hostKeys.map(({ fingerprint }) => fingerprint);
  const host = createSshHost({ host: name, port, user, authentication, hostKeys: pinnedKey(...pins) });
  opened.push(host);
  return host;
}

async function logsIn(at: SshServer, authentication: CreateSshHostOptions['authentication']): Promise<void> {
  expect(String((await open(at, authentication).run(['echo', 'in'])).stdout)).toBe('in\n');
}

/** The error of a login that fails, with all of it searched for secrets. */
async function fails(at: SshServer, authentication: CreateSshHostOptions['authentication']): Promise<string> {
  const error = (await open(at, authentication)
    .run(['true'])
    .catch((caught: unknown) => caught)) as Error & { code: string };
  expect(error.code).toBe('CONNECT_FAILED');
  const all = [inspect(error, { depth: 10, showHidden: true }), error.stack, JSON.stringify(error)].join('\n');
  for (const secret of secrets) expect(all).not.toContain(secret);
  return error.message;
}

const keyFile = (name: string, secret?: string): SshAuthentication => ({
  type: 'key-file',
  path: keyPath(name),
  ...(secret === undefined ? {} : { passphrase: secret }),
});

/** A real agent, with the keys of these names. */
async function startAgent(...names: readonly string[]): Promise<string> {
  const socketPath = join(directory, `agent-${opened.length}-${names.length}-${names[0] ?? ''}`);
  const agent = spawn('ssh-agent', ['-D', '-a', socketPath], { stdio: ['ignore', 'pipe', 'ignore'] });
  opened.push({
    async [Symbol.asyncDispose]() {
      await ended(agent);
    },
  });
  // It says where it listens once it does.
  await once(agent.stdout, 'data');
  const env = { ...process.env, SSH_AUTH_SOCK: socketPath };
  if (names.length > 0) await run('ssh-add', ['-q', ...names.map(keyPath)], { env });
  return socketPath;
}

async function ended(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

const plain = keyNames.filter((name) => name.endsWith('-plain'));
const agentKeys = plain.filter((name) => !name.startsWith('ed25519-PKCS8'));

describe('key files', () => {
  it.for(keyNames)('log in: %s', async (name, ctx) => {
    await logsIn(useServer(ctx), keyFile(name, name.endsWith('-encrypted') ? passphrase : undefined));
  });

  it.for(keyNames.filter((name) => name.endsWith('-encrypted')))('with a wrong passphrase: %s', async (name, ctx) => {
    const at = useServer(ctx);
    const path = keyPath(name);
    expect(await fails(at, keyFile(name, 'hunter2'))).toContain(
      `${path} cannot be decrypted: is the passphrase right?`,
    );
    expect(await fails(at, keyFile(name))).toContain(`${path} is encrypted and no passphrase was given`);
  });

  it('ask for a passphrase only when it is needed, and once', async (ctx) => {
    let asked = 0;
    const ask = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(passphrase);
    };
    await logsIn(useServer(ctx), { type: 'key-file', path: keyPath('rsa-PEM-plain'), passphrase: ask });
    expect(asked).toBe(0);
    await logsIn(useServer(ctx), { type: 'key-file', path: keyPath('rsa-PEM-encrypted'), passphrase: ask });
    expect(asked).toBe(1);
  });

  it('that cannot be used are told, without what fetched the passphrase said', async (ctx) => {
    const at = useServer(ctx);
    const path = keyPath('rsa-PEM-encrypted');
    const failing = (): never => {
      throw new Error('hunter2 is wrong');
    };
    expect(await fails(at, { type: 'key-file', path, passphrase: failing })).toContain('its passphrase cannot be had');
    expect(await fails(at, keyFile('none'))).toContain(`${keyPath('none')} cannot be read (ENOENT)`);
    expect(await fails(at, keyFile(''))).toMatch(/cannot be read \(EISDIR\)|can be read by others/);
    expect(await fails(at, keyFile('rsa-PEM-plain.pub'))).toMatch(/is a public key|can be read by others/);
    const key = await readFile(keyPath('rsa-PEM-plain.pub'));
    expect(await fails(at, { type: 'key', privateKey: key })).toContain('the given key is a public key');
    expect(await fails(at, { type: 'key', privateKey: 'hunter2' })).toContain('the given key is no private key');
    const cut = (await readFile(keyPath('ed25519-RFC4716-plain'), 'utf8')).slice(0, 200);
    expect(await fails(at, { type: 'key', privateKey: cut })).toContain('the given key is no private key');
  });

  it('that others can read are refused with the remedy, and the next way is tried', async (ctx) => {
    const at = useServer(ctx);
    const path = join(directory, 'open key');
    await writeFile(path, await readFile(keyPath('ed25519-RFC4716-plain')), { mode: 0o600 });
    await chmod(path, 0o640);
    const way = { type: 'key-file', path } as const;
    expect(await fails(at, way)).toContain(`${path} can be read by others (mode 0640): chmod 600 ${path}`);
    await logsIn(at, [way, keyFile('ed25519-RFC4716-plain')]);
  });
});

describe('an agent', () => {
  it('logs in with a key that ssh-add gave it', async (ctx) => {
    const at = useServer(ctx);
    for (const name of ['ed25519-RFC4716-plain', 'rsa-PEM-plain', 'ecdsa-PKCS8-plain']) {
      await logsIn(at, { type: 'agent', socketPath: await startAgent(name) });
    }
  });

  it('with more keys than the server lets try needs to be told which', async (ctx) => {
    const at = await useOwn(ctx, { config: ['MaxAuthTries 3', `AuthorizedKeysFile ${directory}/only`] });
    const wanted = agentKeys.at(-1) ?? '';
    const publicKey = await readFile(`${keyPath(wanted)}.pub`, 'utf8');
    await writeFile(join(directory, 'only'), publicKey);
    const socketPath = await startAgent(...agentKeys);
    expect(await fails(at, { type: 'agent', socketPath })).toMatch(
      /Cannot log in .*tried .*Too many authentication fail/,
    );
    await logsIn(at, { type: 'agent', socketPath, keys: [publicKey] });
    const config = join(directory, 'config');
    const known = join(directory, 'known');
    await writeFile(known, at.knownHosts);
    await writeFile(
      config,
      `HostName ${at.host}\nPort ${at.port}\nUser ${at.user}\nIdentityAgent ${socketPath}\nUserKnownHostsFile ${known}\nIdentityFile ${keyPath(wanted)}.pub\n`,
    );
    for (const env of [process.env, { PATH: '/nowhere' }]) {
      await using host = createSshHost(await fromSshConfig('a', { configFile: config, env }));
      expect(String((await host.run(['echo', 'in'])).stdout)).toBe('in\n');
    }
  });

  it('that holds nothing, does not answer or is none, is told', async (ctx) => {
    const at = useServer(ctx);
    const empty = await startAgent();
    expect(await fails(at, { type: 'agent', socketPath: empty })).toContain(`the agent at ${empty} holds no key`);
    const keys = [`SHA256:${'a'.repeat(43)}`];
    const socketPath = await startAgent('rsa-PEM-plain');
    expect(await fails(at, { type: 'agent', socketPath, keys })).toContain(
      'holds none of the keys that are to be used',
    );
    expect(await fails(at, { type: 'agent', socketPath: '/no/agent' })).toContain(
      'the agent at /no/agent: it cannot be asked',
    );
    const mute = join(directory, 'mute');
    const listener: Server = createServer((socket) => void socket.destroy());
    await new Promise<void>((resolve) => listener.listen(mute, resolve));
    expect(await fails(at, { type: 'agent', socketPath: mute })).toContain(`the agent at ${mute}: it cannot be asked`);
    await new Promise((resolve) => listener.close(resolve));
  });

  it('is not offered a key twice, by itself or from a file', async (ctx) => {
    const at = await useOwn(ctx, { config: ['MaxAuthTries 2', `AuthorizedKeysFile ${directory}/last`] });
    await writeFile(join(directory, 'last'), await readFile(`${keyPath('ecdsa-PEM-plain')}.pub`));
    const socketPath = await startAgent('rsa-PEM-plain');
    const agent = { type: 'agent', socketPath } as const;
    await logsIn(at, [agent, agent, keyFile('rsa-PEM-plain'), keyFile('ecdsa-PEM-plain')]);
  });
});

describe('a server that wants several ways', () => {
  const password = 'right answer';
  const methods = (list: string): StartSshdOptions => ({
    user: 'other',
    password,
    config: [`AuthenticationMethods ${list}`],
  });
  const key = (): SshAuthentication => keyFile('ed25519-RFC4716-plain');
  const secret: SshAuthentication = { type: 'password', password };

  it.for([
    ['publickey,password', 'key first'],
    ['publickey,password', 'password first'],
    ['password,publickey', 'key first'],
    ['password,publickey', 'password first'],
  ] as const)('%s, %s', async ([list, order], ctx) => {
    const at = await useOwn(ctx, methods(list));
    const ways = order === 'key first' ? [key(), secret] : [secret, key()];
    await logsIn(at, ways);
    const socketPath = await startAgent('rsa-PEM-plain', 'ed25519-RFC4716-plain');
    const agent = { type: 'agent', socketPath } as const;
    await logsIn(at, order === 'key first' ? [agent, secret] : [secret, agent]);
  });

  it('two keys', async (ctx) => {
    const at = await useOwn(ctx, methods('publickey,publickey'));
    await logsIn(at, [key(), keyFile('rsa-PEM-plain')]);
    await logsIn(at, { type: 'agent', socketPath: await startAgent('rsa-PEM-plain', 'ed25519-RFC4716-plain') });
    expect(await fails(at, [key(), key()])).toContain('the server takes publickey');
  });

  it('and gets one of them only', async (ctx) => {
    const at = await useOwn(ctx, methods('publickey,password'));
    expect(await fails(at, key())).toContain('the server takes password');
    expect(await fails(at, [key(), { type: 'password', password: 'hunter2' }])).toContain('the server takes password');
  });

  it('is sent no password before it has said that it takes one', async (ctx) => {
    const at = useServer(ctx);
    let asked = 0;
    const ask = (): string => {
      asked += 1;
      return 'hunter2';
    };
    expect(await fails(at, { type: 'password', password: ask })).toContain('the server takes publickey');
    expect(asked).toBe(0);
    expect(at.log()).not.toContain('Failed password');
  });
});

describe('questions of the server', () => {
  const rounds = [
    { questions: [{ prompt: 'Password: ', answer: 'right answer' }] },
    {
      questions: [
        { prompt: 'Name: ', echo: true, answer: 'alice' },
        { prompt: 'Code: ', answer: '123456' },
      ],
    },
    { instructions: 'Welcome', questions: [] },
  ];
  const use = async (login: Parameters<typeof startSsh2Server>[0]): Promise<SshServer> => {
    const at = await startSsh2Server(login);
    opened.push(at);
    return at;
  };

  it('are answered, in several rounds; one that asks nothing asks nobody', async () => {
    const at = await use({ login: { publicKey: false, keyboardInteractive: rounds } });
    const asked: unknown[] = [];
    const answer = (prompts: readonly { readonly prompt: string; readonly echo: boolean }[]): readonly string[] => {
      asked.push(prompts);
      return prompts.map(({ prompt }) => ({ 'Password: ': 'right answer', 'Name: ': 'alice' })[prompt] ?? '123456');
    };
    await logsIn(at, { type: 'keyboard-interactive', answer });
    expect(asked).toEqual([
      [{ prompt: 'Password: ', echo: false }],
      [
        { prompt: 'Name: ', echo: true },
        { prompt: 'Code: ', echo: false },
      ],
    ]);
  });

  it('with wrong answers, too few or none end that way only', async () => {
    const at = await use({ login: { keyboardInteractive: rounds } });
    for (const answer of [
      () => ['hunter2'],
      () => [],
      () => ['a', 'b', 'c'],
      () => Promise.reject(new Error('hunter2')),
    ]) {
      const way: SshAuthentication = { type: 'keyboard-interactive', answer };
      expect(await fails(at, way)).toContain('tried answers to questions');
      await logsIn(at, [way, { type: 'key', privateKey: at.privateKey }]);
    }
  });

  it('get the password where there is a single hidden one', async () => {
    const single = await use({ login: { publicKey: false, keyboardInteractive: rounds.slice(0, 1) } });
    await logsIn(single, { type: 'password', password: 'right answer' });
    const shown = [{ questions: [{ prompt: 'Say it: ', echo: true, answer: 'right answer' }] }];
    const curious = await use({ login: { publicKey: false, keyboardInteractive: shown } });
    expect(await fails(curious, { type: 'password', password: 'right answer' })).toContain('the password as an answer');
    expect(curious.log()).not.toContain('Accepted');
  });

  it('come after a key and a password where all are wanted', async () => {
    const login = { password: 'right answer', keyboardInteractive: rounds.slice(0, 1), all: true } as const;
    const at = await use({ login });
    const password: SshAuthentication = { type: 'password', password: 'right answer' };
    const key: SshAuthentication = { type: 'key', privateKey: at.privateKey };
    await logsIn(at, [password, key]);
    expect(await fails(at, [{ type: 'password', password: 'hunter2' }, key])).toContain('the server takes password');
  });
});

describe('keys that ssh2 cannot read by itself', () => {
  it('are read whatever their bytes', async () => {
    const { readPrivateKey } = await import('./private-key.ts');
    for (let count = 0; count < 600; count += 1) {
      const { privateKey } = generateKeyPairSync('ed25519');
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      const result = readPrivateKey(Buffer.from(pem));
      const again = result.kind === 'key' ? createPrivateKey(result.key.getPrivatePEM()) : undefined;
      expect(again?.export({ format: 'jwk' }), String(pem)).toEqual(privateKey.export({ format: 'jwk' }));
    }
  });
});
