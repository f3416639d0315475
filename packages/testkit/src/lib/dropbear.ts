import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { markedProcesses, runTool } from './marked-processes.ts';
import { accountMissing, writeHomeFile, type SshAccount, type SshAccountOptions } from './ssh-account.ts';
import { startDaemon } from './ssh-daemon.ts';
import { describeKey, makeKey, type KeyFile, type SshKeyType } from './ssh-keys.ts';
import { openSshServer, type SshServer, type SshServerParts, type SshServerSite } from './ssh-server.ts';

/** Options of `startDropbear`. */
export interface StartDropbearOptions extends SshAccountOptions {
  /** Host keys the server has. @default ['ed25519'] */
  readonly hostKeys?: readonly SshKeyType[];
  /** What it calls itself, behind `SSH-2.0-`: no longer than its own name, and filled up with `-`. @default its own name */
  readonly ident?: string;
}

/** A dropbear server, or why there is none here. */
export type DropbearResult =
  | { readonly dropbear: SshServer; readonly reason?: never }
  | { readonly dropbear?: never; readonly reason: string };

const dropbearPath = '/usr/sbin/dropbear';

/** Starts a real dropbear on 127.0.0.1 with keys of its own; nothing of the machine's is read. Needs root. */
export async function startDropbear(options: StartDropbearOptions = {}): Promise<DropbearResult> {
  try {
    await access(dropbearPath);
  } catch {
    return { reason: 'dropbear: apt-get install dropbear-bin' };
  }
  const reason =
    userInfo().uid === 0 ? accountMissing(options) : 'root, to give dropbear a home: run the tests as root';
  if (reason !== undefined) return { reason };
  return { dropbear: await openSshServer(options, (site) => start(options, site)) };
}

async function start(options: StartDropbearOptions, site: SshServerSite): Promise<SshServerParts> {
  const { directory, account, mark, undo } = site;
  const hostKeys = await Promise.all((options.hostKeys ?? ['ed25519']).map((type) => makeHostKey(directory, type)));
  const userKey = await makeKey(directory, 'user', 'ed25519');
  // The only place where dropbear looks.
  await writeHomeFile(account, '.ssh/authorized_keys', `${userKey.publicKey}\n`);
  const program = options.ident === undefined ? dropbearPath : await renameServer(directory, options.ident);
  const inHome = options.user === 'other' ? [] : await withOtherHome(directory, account);
  const [name = '', value = ''] = mark.split('=');
  const { port, log, stop } = await startDaemon({
    program: '/usr/bin/env',
    commandArguments: (free) => [
      ...inHome,
      program,
      ...hostKeys.flatMap(({ file }) => ['-r', file]),
      ...(options.password === undefined ? ['-s'] : []),
      // In the foreground, log on standard error, and what is in its environment for every login.
      '-F',
      '-E',
      '-e',
      '-m',
      '-P',
      join(directory, 'pid'),
      '-p',
      `127.0.0.1:${free}`,
    ],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', [name]: value },
    listening: 'Not backgrounding',
  });
  undo.push(stop);
  return {
    port,
    log,
    hostKeys,
    privateKey: await readFile(userKey.file, 'utf8'),
    privateKeyFile: userKey.file,
    // Its logins have the mark from itself.
    processes: async () => (await markedProcesses(mark)).filter(({ command }) => !command.startsWith(program)),
  };
}

/**
 * The command that starts a server for which this account has another home. dropbear takes the home from /etc/passwd and has no
 * setting for it, and the real one of whoever runs the test is none of its business. Laid over /etc as a whole, since a mount on
 * the file alone is gone as soon as somebody's `useradd` replaces it.
 */
async function withOtherHome(directory: string, { user, home }: SshAccount): Promise<readonly string[]> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => {
    const fields = line.split(':');
    if (fields[0] === user) fields[5] = home;
    return fields.join(':');
  });
  await writeFile(join(directory, 'passwd'), lines.join('\n'), { mode: 0o644 });
  await mkdir(join(directory, 'etc'));
  const script = [
    'cd "$1" && mount -t tmpfs -o mode=755 none etc && mkdir etc/upper etc/work && cp passwd etc/upper',
    'mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc/upper,workdir=$1/etc/work" overlay /etc && cd / && shift && exec "$@"',
  ].join(' && ');
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', directory];
}

/** A copy of the server under the same file name: no setting changes what it calls itself. */
async function renameServer(directory: string, ident: string): Promise<string> {
  const program = join(directory, 'dropbear');
  const text = await readFile(dropbearPath, 'latin1');
  const own = /SSH-2\.0-(dropbear[\w.-]*)/.exec(text)?.[1] ?? '';
  if (ident.length > own.length) throw new Error(`dropbear cannot be called ${ident}: ${own} is shorter`);
  // In one place to be sent and in one to be signed; as long as before, since its length is written down elsewhere.
  const content = Buffer.from(text.replaceAll(own, ident.padEnd(own.length, '-')), 'latin1');
  await writeFile(program, content, { mode: 0o755 });
  return program;
}

/** dropbear has a format of its own, which `dropbearkey` of the same package writes. */
async function makeHostKey(directory: string, type: SshKeyType): Promise<KeyFile> {
  const file = join(directory, `host_${type}`);
  const printed = await runTool('dropbearkey', ['-t', type, '-f', file]);
  return { file, ...describeKey(printed.split('\n').find((line) => line.includes(' AAAA')) ?? '') };
}
