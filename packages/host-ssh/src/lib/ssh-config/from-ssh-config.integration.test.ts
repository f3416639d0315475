import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Host } from '@optio-ts/host-core';
import { startSshd, type Sshd } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext } from 'vitest';

import {
  createSshHost,
  fromKnownHosts,
  fromSshConfig,
  type FromSshConfigOptions,
  type SshConfigLogin,
} from '../../index.ts';

/** Three servers on the way: gate, wall and the end, each with keys of its own. */
let servers: readonly Sshd[] = [];
let reason: string | undefined;
let directory: string;
const opened: Host[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-from-config-'));
  for (let count = 0; count < 3 && reason === undefined; count += 1) {
    const result = await startSshd();
    if (result.sshd) servers = [...servers, result.sshd];
    reason = result.reason;
  }
});
afterEach(async () => {
  for (const host of opened.splice(0)) await host[Symbol.asyncDispose]();
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await rm(directory, { recursive: true });
});

function useServers(ctx: TestContext): readonly [gate: Sshd, wall: Sshd, end: Sshd] {
  const [gate, wall, end] = servers;
  return gate && wall && end ? [gate, wall, end] : ctx.skip(`needs ${reason}`);
}

let files = 0;
async function file(text: string, mode = 0o600): Promise<string> {
  files += 1;
  const path = join(directory, `file ${files}`);
  await writeFile(path, text, { mode });
  return path;
}

/** A section of a configuration that leads to a server; its own known_hosts file, unless it is given another. */
async function section(name: string, server: Sshd, lines: readonly string[] = [], known = server.knownHosts) {
  const knownHosts = `${directory}/known_${name}_${(files += 1)}`;
  await writeFile(knownHosts, known);
  return [
    `Host ${name}`,
    ...lines,
    `HostName ${server.host}`,
    `Port ${server.port}`,
    `User ${server.user}`,
    `IdentityFile "${server.privateKeyFile}"`,
    'IdentityAgent none',
    `UserKnownHostsFile ${knownHosts}`,
    'GlobalKnownHostsFile none',
    '',
  ].join('\n');
}

async function open(alias: string, config: string, options: FromSshConfigOptions = {}): Promise<Host> {
  const host = createSshHost(await fromSshConfig(alias, { configFile: await file(config), ...options }));
  opened.push(host);
  return host;
}

const text = async (host: Host, ...command: string[]): Promise<string> => String((await host.run(command)).stdout);
/** No directory of this holds an `ssh`. */
const withoutSsh = { env: { PATH: '/nowhere' } };
const ways = [
  ['by ssh -G', {}],
  ['without ssh', withoutSsh],
] as const;
const refused = (server: Sshd) => ({
  code: 'HOST_KEY_REFUSED',
  message: expect.stringContaining(`:${server.port} refused`) as string,
});

describe.each(ways)('fromSshConfig %s', (_, options) => {
  it('leads to the host, as the block of the README says', async (ctx) => {
    const [gate] = useServers(ctx);
    expect(await text(await open('build-3', await section('build-3', gate), options), 'echo', 'in')).toBe('in\n');
    const configFile = await file(await section('build-3', gate));
    const known = await file(gate.knownHosts);
    await using host = createSshHost({
      ...(await fromSshConfig('build-3', { ...options, configFile })),
      hostKeys: fromKnownHosts(known),
    });
    expect(await text(host, 'echo', 'in')).toBe('in\n');
  });

  it('goes through two jumps, each resolved through the configuration, the first with a jump of its own', async (ctx) => {
    const [gate, wall, end] = useServers(ctx);
    const sections = [await section('gate', gate), await section('wall', wall), await section('end', end)];
    const listed = `Host end\n  ProxyJump gate,wall\n${sections.join('')}`;
    expect(await text(await open('end', listed, options), 'echo', 'listed')).toBe('listed\n');
    const chained = `Host end\n  ProxyJump wall\nHost wall\n  ProxyJump gate\n${sections.join('')}`;
    expect(await text(await open('end', chained, options), 'echo', 'chained')).toBe('chained\n');
    const { jumps } = await fromSshConfig('end', { ...options, configFile: await file(chained) });
    expect(jumps?.map(({ port }) => port)).toEqual([gate.port, wall.port]);
  });

  it('refuses a wrong key of each hop before anything could log in there', async (ctx) => {
    const [gate, wall, end] = useServers(ctx);
    const wrong = (server: Sshd, other: Sshd): string =>
      `[${server.host}]:${server.port} ${other.hostKeys[0]?.publicKey}\n`;
    const logins = (server: Sshd): number => server.log().match(/Accepted|Failed|Postponed/g)?.length ?? 0;
    const build = async (bad: Sshd): Promise<string> => {
      const known = (server: Sshd): string =>
        server === bad ? wrong(server, server === end ? gate : end) : server.knownHosts;
      const sections = [
        await section('gate', gate, [], known(gate)),
        await section('wall', wall, [], known(wall)),
        await section('end', end, ['ProxyJump gate,wall'], known(end)),
      ];
      return sections.join('');
    };
    for (const bad of [gate, wall, end]) {
      const before = [gate, wall, end].map(logins);
      const host = await open('end', await build(bad), options);
      await expect(host.run(['true'])).rejects.toMatchObject(refused(bad));
      const after = [gate, wall, end].map(logins);
      // Those before it were logged in to, it and those behind it were not.
      const reached = [gate, wall, end].indexOf(bad);
      expect(after.map((count, index) => count > (before[index] ?? 0))).toEqual(
        [0, 1, 2].map((index) => index < reached),
      );
    }
  });

  it('never takes a key for the configuration’s “no”, and writes new ones down for its “accept-new”', async (ctx) => {
    const [gate] = useServers(ctx);
    const lax = await section('lax', gate, ['StrictHostKeyChecking no'], '');
    await expect((await open('lax', lax, options)).run(['true'])).rejects.toMatchObject({
      code: 'HOST_KEY_REFUSED',
      message: expect.stringContaining('StrictHostKeyChecking no: host keys are always checked') as string,
    });
    const { ignored } = await fromSshConfig('lax', { ...options, configFile: await file(lax) });
    expect(ignored).toContain('StrictHostKeyChecking no: host keys are always checked');

    const known = join(directory, `new_${(files += 1)}`, 'known');
    const accepting = await section('new', gate, [
      'StrictHostKeyChecking accept-new',
      'HashKnownHosts yes',
      `UserKnownHostsFile ${known}`,
    ]);
    expect(await text(await open('new', accepting, options), 'echo', 'new')).toBe('new\n');
    const strict = createSshHost({
      ...(await fromSshConfig('new', { ...options, configFile: await file(accepting) })),
      hostKeys: fromKnownHosts(known),
    });
    opened.push(strict);
    expect(await text(strict, 'echo', 'known')).toBe('known\n');

    const asked = join(directory, `new_${(files += 1)}`, 'known');
    const cautious = await section('asked', gate, [`UserKnownHostsFile ${asked}`]);
    expect(await text(await open('asked', cautious, { ...options, acceptNew: true }), 'echo', 'asked')).toBe('asked\n');
    expect(await text(await open('asked', cautious, options), 'echo', 'again')).toBe('again\n');

    const nowhere = await section('nowhere', gate, [
      'StrictHostKeyChecking accept-new',
      'UserKnownHostsFile /dev/null',
    ]);
    await expect((await open('nowhere', nowhere, options)).run(['true'])).rejects.toMatchObject({
      code: 'HOST_KEY_REFUSED',
      message: expect.stringContaining('/dev/null is no regular file') as string,
    });
  });

  it('looks the key up under HostKeyAlias, in files that have to be there', async (ctx) => {
    const [gate] = useServers(ctx);
    const known = `builder ${gate.hostKeys[0]?.publicKey}\n`;
    const aliased = await section('aliased', gate, ['HostKeyAlias builder'], known);
    expect(await text(await open('aliased', aliased, options), 'echo', 'in')).toBe('in\n');
    const missing = await section('missing', gate, [`UserKnownHostsFile ${directory}/none`]);
    await expect((await open('missing', missing, options)).run(['true'])).rejects.toMatchObject({
      code: 'HOST_KEY_REFUSED',
      message: expect.stringContaining('ENOENT') as string,
    });
  });

  it('passes over key files that are missing, and takes the others in order', async (ctx) => {
    const [gate, wall] = useServers(ctx);
    const lines = [`IdentityFile ${directory}/none`, `IdentityFile ${wall.privateKeyFile}`, 'IdentityFile ~/%d/none'];
    expect(await text(await open('many', await section('many', gate, lines), options), 'echo', 'in')).toBe('in\n');
    const { authentication } = await fromSshConfig('many', {
      ...options,
      configFile: await file(await section('many', gate, lines)),
    });
    expect([authentication].flat()).toMatchObject([{ path: wall.privateKeyFile }, { path: gate.privateKeyFile }]);
  });

  it('tries a key that the caller names before those of the configuration', async (ctx) => {
    const [gate] = useServers(ctx);
    const bare = (await section('bare', gate)).replace(/^IdentityFile .*\n/m, '');
    const named = { ...options, identityFile: gate.privateKeyFile };
    expect(await text(await open('bare', bare, named), 'echo', 'in')).toBe('in\n');
  });

  it('asks for the passphrase of a file and the password of a login, and only when they are needed', async (ctx) => {
    const [gate] = useServers(ctx);
    const key = `${directory}/encrypted_${(files += 1)}`;
    await writeFile(key, gate.privateKey, { mode: 0o600 });
    await promisify(execFile)('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'secret', '-f', key]);
    const config = (await section('locked', gate)).replace(gate.privateKeyFile, key);
    const asked: string[] = [];
    const passphrase = (path: string): string => {
      asked.push(path);
      return 'secret';
    };
    const password = ({ host, port, user }: SshConfigLogin): string => {
      asked.push(`${user}@${host}:${port}`);
      return 'none';
    };
    const found = await fromSshConfig('locked', { ...options, passphrase, password, configFile: await file(config) });
    expect([found.authentication].flat().map(({ type }) => type)).toEqual(['key-file', 'password']);
    expect(asked).toEqual([]);
    expect(await text(await open('locked', config, { ...options, passphrase, password }), 'echo', 'in')).toBe('in\n');
    expect(asked).toEqual([key]);
    const [, way] = [found.authentication].flat();
    if (way?.type === 'password' && typeof way.password === 'function') await way.password();
    expect(asked).toEqual([key, `${gate.user}@${gate.host}:${gate.port}`]);
    await expect((await open('locked', config, options)).run(['true'])).rejects.toMatchObject({
      message: expect.stringContaining(`${key} is encrypted and no passphrase was given`) as string,
    });
  });

  it('takes times, tokens and variables', async (ctx) => {
    const [gate] = useServers(ctx);
    const key = join(directory, `key_${gate.user}_127.0.0.1_${gate.port}_timed`);
    await writeFile(key, gate.privateKey, { mode: 0o600 });
    const lines = [
      'ConnectTimeout 7',
      'ServerAliveInterval 1m30',
      'ServerAliveCountMax 5',
      'IdentityFile ${KEYS}/key_%r_%h_%p_%n',
      'IdentitiesOnly yes',
    ];
    const env = { ...('env' in options ? options.env : process.env), KEYS: directory };
    const config = await section('timed', gate, lines);
    const found = await fromSshConfig('timed', { env, configFile: await file(config) });
    expect(found).toMatchObject({ connectTimeoutMs: 7000, keepaliveIntervalMs: 90_000, keepaliveCount: 5 });
    expect([found.authentication].flat()[0]).toMatchObject({ path: key });
    expect(await text(await open('timed', config, { env }), 'echo', 'in')).toBe('in\n');
  });

  it('names what it leaves out', async (ctx) => {
    const [gate] = useServers(ctx);
    const lines = ['ForwardAgent yes', 'ForwardX11 yes', 'LocalForward 1 a:2', 'RemoteCommand id', 'SetEnv A=b'];
    const { ignored } = await fromSshConfig('f', {
      ...options,
      configFile: await file(await section('f', gate, lines)),
    });
    expect(ignored.map((line) => line.split(':')[0])).toEqual([
      'ForwardAgent',
      'ForwardX11',
      'LocalForward',
      'RemoteCommand',
      'SetEnv',
    ]);
  });

  it.each([
    ['ProxyCommand nc %h %p', 'CONFIG_UNSUPPORTED', 'ProxyCommand'],
    ['RevokedHostKeys /etc/revoked', 'CONFIG_UNSUPPORTED', 'RevokedHostKeys'],
    ['KnownHostsCommand /bin/keys', 'CONFIG_UNSUPPORTED', 'KnownHostsCommand'],
    ['PreferredAuthentications gssapi-with-mic', 'CONFIG_UNSUPPORTED', 'Nothing can log in'],
    ['PubkeyAuthentication no', 'CONFIG_UNSUPPORTED', 'Nothing can log in'],
    ['ProxyJump a,-oProxyCommand=id', 'CONFIG_FAILED', ''],
    ['Port 0', 'CONFIG_FAILED', ''],
    ['StrictHostKeyChecking perhaps', 'CONFIG_FAILED', ''],
  ])('refuses %s', async (line, code, words) => {
    const configFile = await file(`${line}\nHost b\n  ProxyJump a\n`);
    const message = expect.stringContaining(words) as string;
    await expect(fromSshConfig('a', { ...options, configFile })).rejects.toMatchObject({ code, message });
  });

  it('refuses a circle of jumps', async () => {
    const configFile = await file('Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n');
    await expect(fromSshConfig('a', { ...options, configFile })).rejects.toMatchObject({ code: 'CONFIG_FAILED' });
  });

  it.each(['-oProxyCommand=id', '', 'a b', 'a;id', '$(id)', '-l@a', 'a@-b', "a'b", 'a:0', 'a\nb'])(
    'refuses the name %j before anything is run',
    async (alias) => {
      await expect(fromSshConfig(alias, options)).rejects.toThrow(TypeError);
    },
  );

  it('can be aborted', async () => {
    const abortSignal = AbortSignal.abort();
    await expect(fromSshConfig('a', { ...options, abortSignal })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
