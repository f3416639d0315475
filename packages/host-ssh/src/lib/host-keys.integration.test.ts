import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { HostError } from '@optio-ts/host-core';
import { startSshd, type Sshd } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';

import { acceptNew, createSshHost, fromKnownHosts, type HostKeyPolicy } from '../index.ts';
import { keyTypeOf } from './known-hosts.ts';

const run = promisify(execFile);

let directory: string;
let server: Sshd | undefined;
let reason: string | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-host-keys-'));
  // In this order the server shows them to whoever has no preference of its own.
  ({ sshd: server, reason } = await startSshd({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] }));
});
afterAll(async () => {
  await server?.close();
  await rm(directory, { recursive: true });
});

const useServer = (ctx: TestContext): Sshd => server ?? ctx.skip(`needs ${reason}`);

let files = 0;
async function file(content: string | Buffer): Promise<string> {
  files += 1;
  const path = join(directory, `known_${files}`);
  await writeFile(path, content);
  return path;
}

/** Whether a command gets through under this policy; any other failure than a refusal is none of it. */
async function accepts({ host, port, user, privateKey }: Sshd, hostKeys: HostKeyPolicy): Promise<boolean> {
  await using machine = createSshHost({ host, port, user, authentication: { type: 'key', privateKey }, hostKeys });
  return await machine.run(['true']).then(
    () => true,
    (error: unknown) => {
      if (HostError.is(error) && error.code === 'HOST_KEY_REFUSED') return false;
      throw error;
    },
  );
}

/** The same of OpenSSH's own client. */
async function sshAccepts({ host, port, user, privateKeyFile }: Sshd, paths: readonly string[]): Promise<boolean> {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'GlobalKnownHostsFile=none',
    `UserKnownHostsFile=${paths.join(' ')}`,
    'UpdateHostKeys=no',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
  ].flatMap((option) => ['-o', option]);
  const args = ['-F', 'none', ...options, '-i', privateKeyFile, '-p', String(port), '-l', user, '--', host, 'true'];
  return run('ssh', args).then(
    () => true,
    (error: Error & { readonly stderr: string }) => {
      if (/Host key verification failed/.test(error.stderr)) return false;
      throw error;
    },
  );
}

/** The lines of a known_hosts file; `NAME` is the server's, `ED`, `EC` and `RSA` its keys, `OTHER` somebody else's. */
const cases: readonly (readonly [name: string, ...texts: string[]])[] = [
  ['its name and port', 'NAME ED\n'],
  ['its second key', 'NAME EC\n'],
  ['its third key', 'NAME RSA\n'],
  ['another key', 'NAME OTHER\n'],
  ['another key of a type and its own of another', 'NAME OTHER\nNAME RSA\n'],
  ['another key and its own, of one type', 'NAME OTHER\nNAME ED\n'],
  ['the bare name, as for port 22', '127.0.0.1 ED\n'],
  ['the bare name with another key', '127.0.0.1 OTHER\n'],
  ['another port', '[127.0.0.1]:1 ED\n'],
  ['a list of names', 'a,NAME,b ED\n'],
  ['a wildcard for the address', '[127.0.0.*]:PORT ED\n'],
  ['a wildcard for the port', '[127.0.0.1]:* ED\n'],
  ['a wildcard for everything', '* ED\n'],
  ['a wildcard for one character', '[127.0.0.?]:PORT ED\n'],
  ['a negated name', '*,!NAME ED\n'],
  ['a negated other name', '!other,* ED\n'],
  ['a negated name and a line that holds it', '*,!NAME ED\nNAME ED\n'],
  ['a revoked key', 'NAME ED\n@revoked * ED\n'],
  ['a revoked key before the line that holds it', '@revoked * ED\nNAME ED\n'],
  ['a revoked key by a wildcard', 'NAME ED\n@revoked [127.*]:* ED\n'],
  ['a revoked key of another name', 'NAME ED\n@revoked other ED\n'],
  ['another revoked key', 'NAME ED\n@revoked * OTHER\n'],
  ['one of its keys revoked, another known', 'NAME RSA\n@revoked * ED\n'],
  ['an authority', '@cert-authority * ED\n'],
  ['an authority beside the key', '@cert-authority * OTHER\nNAME ED\n'],
  ['an unknown marker', '@other NAME ED\n'],
  ['nothing', ''],
  ['comments and empty lines', '# NAME ED\n\n   # x\n'],
  ['odd white space', ' \t NAME \t ED \t a comment  \n'],
  ['CRLF', 'NAME ED\r\n'],
  ['no end of the last line', '# é\nNAME ED'],
  ['bytes that are no text before it', 'caf\u00E9 ED\n\u00FF\u00FE\nNAME ED\n'],
  ['a line of an unreadable key before it', 'NAME ssh-ed25519 AAAA\nNAME ED\n'],
  ['an upper case pattern', '[127.0.0.1]:PORT,UPPER ED\n'],
  ['the second of two files', '# none\n', 'NAME ED\n'],
  ['a key of the first file that the second revokes', 'NAME ED\n', '@revoked * ED\n'],
  ['another key in the first file', 'NAME OTHER\n', 'NAME ED\n'],
];

describe('fromKnownHosts beside OpenSSH’s client', () => {
  const fill = (text: string, { host, port, hostKeys }: Sshd): Buffer => {
    const [ed = '', ec = '', rsa = ''] = hostKeys.map(({ publicKey }) => publicKey);
    const [type = '', blob = ''] = ed.split(' ');
    const other = Buffer.from(blob, 'base64');
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    const filled = text
      .replaceAll('NAME', `[${host}]:${port}`)
      .replaceAll('PORT', String(port))
      .replaceAll('OTHER', `${type} ${other.toString('base64')}`)
      .replaceAll(/\bED\b/g, ed)
      .replaceAll(/\bEC\b/g, ec)
      .replaceAll(/\bRSA\b/g, rsa);
    return Buffer.from(filled, 'latin1');
  };

  it.for(cases)('judges alike: %s', async ([, ...texts], ctx) => {
    const at = useServer(ctx);
    const paths = await Promise.all(texts.map((text) => file(fill(text, at))));
    const theirs = await sshAccepts(at, paths);
    expect(await accepts(at, fromKnownHosts(...paths))).toBe(theirs);
    // Names that are hidden say the same, where ssh-keygen can hide them.
    if (texts.length > 1 || /[*?!@\u{80}-\u{FF}]|AAAA/u.test(texts[0] ?? '') || theirs === false) return;
    const [path = ''] = paths;
    await run('ssh-keygen', ['-H', '-f', path]);
    expect(await readFile(path, 'latin1')).toContain('|1|');
    expect(await accepts(at, fromKnownHosts(path))).toBe(true);
  });

  it('asks for the types that the file holds, in its order', async (ctx) => {
    const at = useServer(ctx);
    for (const order of [[0], [1], [2], [2, 0], [1, 2, 0], [2, 1]]) {
      const path = await file(
        order.map((index) => fill(['NAME ED', 'NAME EC', 'NAME RSA'][index] ?? '', at)).join('\n'),
      );
      const shown: string[] = [];
      const known = fromKnownHosts(path);
      const watched: HostKeyPolicy = {
        description: known.description,
        async open(target) {
          const check = await known.open(target);
          return {
            keyTypes: check.keyTypes,
            verify(key) {
              shown.push(keyTypeOf(key));
              return check.verify(key);
            },
          };
        },
      };
      expect(await accepts(at, watched)).toBe(true);
      expect(shown).toEqual([at.hostKeys[order[0] ?? 0]?.publicKey.split(' ')[0]]);
    }
  });
});

describe('a file that cannot be read', () => {
  it('refuses the host, with the reason', async (ctx) => {
    const at = useServer(ctx);
    const good = await file(at.knownHosts);
    const place = join(directory, 'a directory');
    await mkdir(place);
    const loop = join(good, 'below a file');
    for (const bad of [place, loop, join(directory, 'missing')]) {
      for (const policy of [fromKnownHosts(bad), fromKnownHosts(good, bad)])
        expect(await accepts(at, policy)).toBe(false);
    }
    for (const bad of [place, loop, '/dev/null']) expect(await accepts(at, acceptNew(bad))).toBe(false);
  });

  it('refuses the host for want of the right to read it', async () => {
    const path = await file('* ssh-ed25519 AAAA\n');
    await chmod(directory, 0o755);
    await chmod(path, 0o000);
    // To the superuser everything is readable, so somebody else has to ask.
    const script = `
      const policies = [fromKnownHosts(${JSON.stringify(path)}), acceptNew(${JSON.stringify(path)})];
      for (const policy of policies) {
        await policy.open({ host: 'a', port: 22 }).then(() => console.log('read'), (error) => console.log(error.code));
      }`;
    expect(await runScript(script, userInfo().uid === 0 ? { uid: 65_534, gid: 65_534 } : {})).toBe('EACCES\nEACCES\n');
  });
});

describe('acceptNew', () => {
  it('writes whole lines when two programs write at once, into a file that ends in the middle of one', async () => {
    const path = join(directory, 'new', 'below', 'known');
    await mkdir(join(directory, 'new', 'below'), { recursive: true });
    await writeFile(path, '# no end');
    const hosts = Array.from({ length: 40 }, (_, index) => `host-${index}`);
    const script = (own: string): string => `
      const key = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIJ4mwDGQSPoMhS8gPSYPzHMsr8bJ7OcVzUyHUkOfmtPb', 'base64');
      await Promise.all([...${JSON.stringify(hosts)}, '${own}'].map(async (host) => {
        const check = await acceptNew(${JSON.stringify(path)}).open({ host, port: 22 });
        const refusal = await check.verify(key);
        if (refusal) console.log(refusal.reason);
      }));`;
    expect(await Promise.all(['one', 'two'].map((own) => runScript(script(own))))).toEqual(['', '']);
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '' && line !== '# no end');
    for (const line of lines) expect(line).toMatch(/^[a-z0-9-]+ ssh-ed25519 AAAA[A-Za-z0-9+/]{64}$/);
    expect(new Set(lines.map((line) => line.split(' ')[0]))).toEqual(new Set([...hosts, 'one', 'two']));
  });

  it('refuses when another program wrote down another key meanwhile', async () => {
    const path = await file('');
    const key = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIJ4mwDGQSPoMhS8gPSYPzHMsr8bJ7OcVzUyHUkOfmtPb', 'base64');
    const rival = Buffer.from(key);
    rival[40] = 0;
    const check = await acceptNew(path).open({ host: 'a', port: 22 });
    await writeFile(path, `a ssh-ed25519 ${rival.toString('base64')}\n`);
    expect((await check.verify(key))?.reason).toContain(`${path}:1 holds another key`);
    expect(await readFile(path, 'utf8')).not.toContain(key.toString('base64'));
  });

  it('hides the name where it is told to, so that ssh-keygen finds it', async (ctx) => {
    const at = useServer(ctx);
    const path = join(directory, 'hidden');
    expect(await accepts(at, acceptNew(path, { hashNames: true }))).toBe(true);
    expect(await readFile(path, 'utf8')).toMatch(/^\|1\|/);
    expect(await accepts(at, acceptNew(path, { hashNames: true }))).toBe(true);
    expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(1);
    const { stdout } = await run('ssh-keygen', ['-F', `[${at.host}]:${at.port}`, '-f', path]);
    expect(stdout).toContain('found: line 1');
    expect(await sshAccepts(at, [path])).toBe(true);
  });
});

/** Runs a piece of a program of its own, which has this package's functions. */
async function runScript(text: string, who: { readonly uid?: number; readonly gid?: number } = {}): Promise<string> {
  const imports = `import { acceptNew, fromKnownHosts } from ${JSON.stringify(new URL('../index.ts', import.meta.url).href)};`;
  const args = ['--conditions=@optio-ts/source', '--input-type=module', '--eval', imports + text];
  const child = spawn(process.execPath, args, { ...who, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  await once(child, 'close');
  return output;
}
