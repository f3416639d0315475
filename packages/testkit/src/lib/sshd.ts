import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { accountMissing, type SshAccountOptions } from './ssh-account.ts';
import { startDaemon } from './ssh-daemon.ts';
import { makeKey, type KeyFile, type SshKeyType } from './ssh-keys.ts';
import { openSshServer, type SshServer, type SshServerParts, type SshServerSite } from './ssh-server.ts';

/** Options of `startSshd`. */
export interface StartSshdOptions extends SshAccountOptions {
  /** Host keys the server has. @default ['ed25519'] */
  readonly hostKeys?: readonly SshKeyType[];
  /** Sessions per connection. @default 10, as OpenSSH's */
  readonly maxSessions?: number;
  /** Variables of every login, `PATH` for instance. No value may hold a blank or a quote. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Further lines of sshd_config; they win over those written here. */
  readonly config?: readonly string[];
}

/** A running OpenSSH server. */
export type Sshd = SshServer;

/** A server, or why there is none here. */
export type SshdResult =
  | { readonly sshd: Sshd; readonly reason?: never }
  | { readonly sshd?: never; readonly reason: string };

/** The server's own program: sshd re-executes itself and wants an absolute path. */
const sshdPath = '/usr/sbin/sshd';

/** Starts a real OpenSSH server on 127.0.0.1 with keys and configuration of its own; nothing of the machine's is read. */
export async function startSshd(options: StartSshdOptions = {}): Promise<SshdResult> {
  try {
    await access(sshdPath);
  } catch {
    return { reason: 'OpenSSH’s server: apt-get install openssh-server' };
  }
  const reason = accountMissing(options);
  if (reason !== undefined) return { reason };
  return { sshd: await openSshServer(options, (site) => start(options, site)) };
}

async function start(options: StartSshdOptions, site: SshServerSite): Promise<SshServerParts> {
  const { directory, undo } = site;
  // Where OpenSSH separates privileges; its package's service makes it, and in a container nobody has.
  if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const hostKeys = await Promise.all(
    (options.hostKeys ?? ['ed25519']).map((type) => makeKey(directory, `host_${type}`, type)),
  );
  const userKey = await makeKey(directory, 'user', 'ed25519');
  await writeFile(join(directory, 'authorized_keys'), `${userKey.publicKey}\n`, { mode: 0o644 });
  const config = join(directory, 'sshd_config');
  await writeFile(config, composeConfig(options, site, hostKeys));
  const { port, log, stop } = await startDaemon({
    program: sshdPath,
    commandArguments: (free) => ['-D', '-e', '-f', config, '-p', String(free)],
    listening: 'Server listening on',
  });
  undo.push(stop);
  return {
    port,
    log,
    hostKeys,
    privateKey: await readFile(userKey.file, 'utf8'),
    privateKeyFile: userKey.file,
  };
}

/** sshd takes the first value it meets, so the caller's lines come first. */
function composeConfig(options: StartSshdOptions, site: SshServerSite, hostKeys: readonly KeyFile[]): string {
  const { directory, account, mark } = site;
  const env = Object.entries({ HOME: account.home, ...options.env }).map(([name, value]) => `${name}=${value}`);
  return [
    ...(options.config ?? []),
    'ListenAddress 127.0.0.1',
    ...hostKeys.map(({ file }) => `HostKey ${file}`),
    `PidFile none`,
    `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
    // The files are below a world-writable /tmp, which strict modes refuse.
    'StrictModes no',
    `AllowUsers ${account.user}`,
    'PermitRootLogin yes',
    `PasswordAuthentication ${options.password === undefined ? 'no' : 'yes'}`,
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'UseDNS no',
    'PrintMotd no',
    'LogLevel VERBOSE',
    `MaxSessions ${options.maxSessions ?? 10}`,
    'MaxStartups 100',
    `SetEnv ${mark} ${env.join(' ')}`,
    '',
  ].join('\n');
}
