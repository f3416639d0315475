import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { HostError } from '@optio-ts/host-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { askSsh } from './ask-ssh.ts';
import { parseDestination } from './destination.ts';
import { readSettings } from './read-settings.ts';
import type { ConfigSource, SshSettings } from './settings.ts';

/** Text of a file, and what is asked of it unless it is `a`. */
type Case = readonly [name: string, text: string, destination?: string];

const cases: readonly Case[] = [
  ['nothing', ''],
  ['comments, empty lines and white space', '# one\n\n   \t User x  \t\n  # two\n\tPort\t7'],
  ['keywords in any case', 'uSeR x\nPORT 7\nhostname H.example\n'],
  ['=', 'User=alice\nPort = 2222\nHostName="x.example"\nHostKeyAlias\t=\tb\n'],
  ['two =', 'User==x\n'],
  ['a quoted keyword', '"User" x\n'],
  ['CRLF', 'Host a\r\n  Port 99\r\n  User x\r\n'],
  ['a comment behind a value', 'User alice # not bob\nUserKnownHostsFile k1 #k2\n'],
  ['# within a word', 'User a#b\n'],
  ['# behind a quote', 'User "a"#b\n'],
  ['double quotes', 'IdentityFile "/with space/k"\nUserKnownHostsFile a "b c" d\n'],
  ['single quotes', "User 'al ice'\n"],
  ['quotes within a word', 'User al"ic"e\nPort "22"22\n'],
  ['escapes', 'IdentityFile "/a \\"b\\" c"\nIdentityFile /a\\ b\nIdentityFile a\\\\b\nUser a\\b\n'],
  ['the first value wins', 'Port 1\nHost a\n  Port 2\n  User u\nHost *\n  User v\n'],
  ['several files add up, once each', 'IdentityFile a\nHost a\n  IdentityFile b\n  IdentityFile a\n'],
  ['wildcards', 'Host build-?\n  Port 1\nHost *.example.com\n  Port 2\n', 'x.y.example.com'],
  ['a wildcard for one character', 'Host build-?\n  Port 1\nHost build-??\n  Port 2\n', 'build-10'],
  ['a negated pattern', 'Host * !a\n  Port 1\nHost *\n  Port 2\n'],
  ['a negated pattern of another host', 'Host !b *\n  Port 1\n'],
  ['a negated pattern alone', 'Host !b\n  Port 1\n'],
  ['commas in a Host line', 'Host a,b\n  Port 1\n'],
  ['the case of a Host line', 'Host A\n  Port 1\nHost a\n  Port 2\n'],
  ['the case of what is asked', 'Host A\n  Port 1\nMatch originalhost a\n  User x\n', 'A'],
  ['Host in quotes', 'Host "a"\n  Port 1\n'],
  ['Host with =', 'Host=a\n  Port 1\n'],
  ['a comment in a Host line', 'Host a #b\n  Port 1\n'],
  ['%h in HostName', 'HostName %h.Example.com\n'],
  ['%% in HostName', 'HostName "%h.%%"\n'],
  ['an address', 'HostName FE80::1\n'],
  ['Match all', 'Match all\n  Port 1\n'],
  ['Match host after HostName', 'Host a\n  hostname B\nMatch host b\n  User u\nMatch host a\n  User v\n'],
  ['Match host with a list', 'Match host x,a\n  User u\n'],
  ['Match host with a negated pattern', 'Match host "!b,*"\n  User u\nMatch host "!a,*"\n  User v\n'],
  ['a negated criterion', 'Match !host x\n  User u\n'],
  ['a negated criterion that does not hold', 'Match !host a\n  User u\n'],
  ['several criteria', 'Match host a !user bob\n  Port 1\nMatch host a user bob\n  Port 2\n'],
  ['Match originalhost', 'HostName z\nMatch originalhost z\n  Port 1\nMatch originalhost a\n  Port 2\n'],
  ['Match user of an earlier line', 'Host a\n  User q\nMatch user q\n  Port 1\n'],
  ['Match user of the command', 'Match user bob\n  Port 1\n', 'bob@a'],
  ['Match localuser', `Match localuser ${userInfo().username}\n  Port 1\n`],
  ['Match with =', 'Match host=a user=*\n  Port 1\n'],
  ['Match in any case', 'MATCH HOST A\n  Port 1\n'],
  ['Match final', 'Host z\n  Port 1\nHost a\n  HostName z\nMatch final host z\n  User x\n'],
  ['Match final and files', 'Host a\n  IdentityFile i1\nMatch final all\n  IdentityFile i1\n  IdentityFile i2\n'],
  ['Match canonical without another reading', 'Match canonical all\n  Port 1\n'],
  ['Match canonical within one', 'Match final\n  User x\nMatch canonical all\n  Port 1\n'],
  ['Match exec that does not count anyway', 'Match host z exec "exit 0"\n  Port 1\n'],
  ['a section that ends another', 'Host b\n  Port 1\nMatch host a\n  Port 2\nHost a\n  User x\n'],
  ['user and port of the command', 'User x\nPort 1\n', 'alice@a:44'],
  ['a URL', 'Host a\n  IdentityFile k\n', 'ssh://alice@a:44'],
  ['ProxyJump', 'ProxyJump x@y:22,[::1]:3\n'],
  ['ProxyJump none', 'ProxyJump none\nProxyJump y\n'],
  ['ProxyJump before ProxyCommand', 'ProxyJump y\nProxyCommand nc %h %p\n'],
  ['ProxyCommand before ProxyJump', 'ProxyCommand nc "%h" %p # x\nProxyJump y\n'],
  ['ProxyCommand none before ProxyJump', 'ProxyCommand none\nProxyJump y\n'],
  ['ProxyJump none before ProxyCommand', 'ProxyJump none\nProxyCommand nc\n'],
  ['times', 'ConnectTimeout 90\nServerAliveInterval 15\nServerAliveCountMax 4\n'],
  ['tokens are left to those who use them', 'IdentityFile ~/.ssh/%r@%h\nIdentityAgent SSH_AUTH_SOCK\n'],
  ['an Include', 'Include DIR/inc/one\nPort 9\n'],
  ['Includes by a pattern', 'Include DIR/inc/*\n'],
  ['several Includes', 'Include DIR/inc/two DIR/inc/one\n'],
  ['an Include that is not there', 'Include DIR/inc/none DIR/no/*\nPort 9\n'],
  ['an Include in a section that counts', 'Host a\n  Include DIR/inc/one\n  User x\n'],
  ['an Include in a section that does not', 'Host b\n  Include DIR/inc/one\n  User x\nHost a\n  Port 8\n'],
  ['a section that an Include opens', 'Include DIR/inc/section\nUser x\n'],
  ['an Include within an Include', 'Include DIR/inc/nested\n'],
  ['unknown keywords that are allowed', 'IgnoreUnknown Foo*\nFooBar 1\nPort 4\n'],
  ['an unknown keyword', 'FooBar 1\nPort 4\n'],
  ['an unknown keyword in a section that does not count', 'Host b\n  FooBar 1\n'],
  ['a keyword of an earlier release', 'IdentityFile2 k\nUseRoaming no\n'],
  ['no value', 'User\n'],
  ['too many values', 'User a b\n'],
  ['too many files', 'IdentityFile a b\n'],
  ['an open quote', 'User "a b\n'],
  ['a Match without criteria', 'Match\nPort 1\n'],
  ['a Match with an unknown criterion', 'Match moon full\nPort 1\n'],
  ['a Match without a value', 'Match host\nPort 1\n'],
  ['Match all with another criterion', 'Match all host a\nPort 1\n'],
];

/** What both print, defaults of the one or the other left out. */
const compared = [
  'connecttimeout',
  'hostkeyalias',
  'hostname',
  'identityagent',
  'identityfile',
  'port',
  'proxyjump',
  'serveralivecountmax',
  'serveraliveinterval',
  'user',
  'userknownhostsfile',
] as const;

describe('readSettings beside ssh -G', () => {
  let directory: string;
  let reason: string | undefined;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-config-'));
    const include = join(directory, 'inc');
    await mkdir(include);
    const files = {
      one: 'Port 1\nUser one\n',
      two: 'Port 2\nIdentityFile two\n',
      section: 'Host b\n  Port 3\n',
      nested: `Host a\n  Include ${include}/one\n`,
      circle: `Include ${include}/circle\n`,
      '.hidden': 'HostName hidden\n',
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(include, name), text);
    reason = await promisify(execFile)('ssh', ['-V']).then(
      () => undefined,
      () => 'OpenSSH’s ssh: apt-get install openssh-client',
    );
  });
  afterAll(() => rm(directory, { recursive: true }));

  const source = (configFile: string): ConfigSource => {
    const { username, homedir } = userInfo();
    return { configFile, env: process.env, localUser: username, home: homedir };
  };
  const write = async (text: string): Promise<ConfigSource> => {
    const file = join(directory, 'config');
    await writeFile(file, text.replaceAll('DIR', directory));
    return source(file);
  };
  const question = (text: string) => {
    const destination = parseDestination(text);
    if (destination === undefined) throw new Error(`${text} is no destination`);
    return { destination, jumps: [] };
  };
  const outcome = async (settings: Promise<SshSettings | undefined>): Promise<SshSettings | 'refused' | undefined> =>
    settings.catch((error: unknown) => {
      if (HostError.is(error) && error.code === 'CONFIG_FAILED') return 'refused';
      throw error;
    });

  it.for(cases)('%s', async ([, text, destination = 'a'], ctx) => {
    if (reason !== undefined) return ctx.skip(`needs ${reason}`);
    const from = await write(text);
    const theirs = await outcome(askSsh(question(destination), from, ctx.signal));
    const ours = await outcome(readSettings(question(destination), from));
    if (theirs === 'refused' || theirs === undefined || ours === 'refused' || ours === undefined) {
      return expect(ours).toBe(theirs);
    }
    // ProxyCommand none is what a ProxyJump leaves behind, and ssh does not print it; nor what was left at its default.
    const wanted = [...compared, ...(theirs.has('proxycommand') ? (['proxycommand'] as const) : [])].filter(
      (keyword) => ours.has(keyword) || /^(?:hostname|port|user|proxy.*|hostkeyalias)$/.test(keyword),
    );
    const only = (settings: SshSettings) =>
      Object.fromEntries(wanted.map((keyword) => [keyword, settings.get(keyword)?.join(' ')]));
    const none = (value: string | undefined) => (value === 'none' ? undefined : value);
    const [a, b] = [only(ours), only(theirs)];
    for (const facts of [a, b]) facts['proxyjump'] = none(facts['proxyjump']);
    expect(a).toEqual(b);
  });

  it('refuses files that include each other', async () => {
    const from = await write('Include DIR/inc/circle\n');
    await expect(readSettings(question('a'), from)).rejects.toMatchObject({ code: 'CONFIG_FAILED' });
  });

  it.for(['Match exec "true"', 'Match host a exec "true"', 'CanonicalizeHostname yes', 'Include /etc/[a]/*'])(
    'does not guess: %s',
    async (text) => {
      const from = await write(`${text}\n  User x\n`);
      await expect(readSettings(question('a'), from)).rejects.toMatchObject({ code: 'CONFIG_UNSUPPORTED' });
    },
  );

  it('refuses a file that is missing, and a user’s file that others can write', async () => {
    await expect(readSettings(question('a'), source(join(directory, 'none')))).rejects.toMatchObject({
      code: 'CONFIG_FAILED',
      message: expect.stringContaining('ENOENT') as string,
    });
    const home = join(directory, 'home');
    await mkdir(join(home, '.ssh'), { recursive: true });
    await writeFile(join(home, '.ssh/config'), 'Host a\n  Port 5\n  Include more\n');
    await writeFile(join(home, '.ssh/more'), 'User more\n');
    const { configFile: _, ...own } = { ...source(''), home };
    const settings = await readSettings(question('a'), own);
    expect([settings.get('port'), settings.get('user')]).toEqual([['5'], ['more']]);
    await chmod(join(home, '.ssh/more'), 0o666);
    await expect(readSettings(question('a'), own)).rejects.toMatchObject({
      code: 'CONFIG_FAILED',
      message: expect.stringContaining('can be written by others') as string,
    });
  });
});
