import { access, chmod, readFile, writeFile } from 'node:fs/promises';
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
  const passwd = join(directory, 'passwd');
  await writePasswd(passwd, account);
  const [name = '', value = ''] = mark.split('=');
  const { port, log, stop } = await startDaemon({
    program: '/usr/bin/unshare',
    commandArguments: (free) => [
      '--mount',
      'sh',
      '-c',
      // It takes the home from there, has no setting for it, and the one of whoever runs the test is none of its business.
      'mount --bind "$1" /etc/passwd && shift && exec "$@"',
      'sh',
      passwd,
      dropbearPath,
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
    processes: async () => (await markedProcesses(mark)).filter(({ command }) => !command.startsWith(dropbearPath)),
  };
}

/** The machine's accounts, with the home that this account is to have. */
async function writePasswd(file: string, { user, home }: SshAccount): Promise<void> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => {
    const fields = line.split(':');
    if (fields[0] === user) fields[5] = home;
    return fields.join(':');
  });
  await writeFile(file, lines.join('\n'));
  await chmod(file, 0o644);
}

/** dropbear has a format of its own, which `dropbearkey` of the same package writes. */
async function makeHostKey(directory: string, type: SshKeyType): Promise<KeyFile> {
  const file = join(directory, `host_${type}`);
  const printed = await runTool('dropbearkey', ['-t', type, '-f', file]);
  return { file, ...describeKey(printed.split('\n').find((line) => line.includes(' AAAA')) ?? '') };
}
