import { spawn, type ChildProcess } from 'node:child_process';
import { access, chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';

import { descendants, killIfAlive, markedProcesses, runTool, type MarkedProcess } from './sshd-processes.ts';
import { createTemporaryUser, type TemporaryUser } from './temporary-user.ts';

/** Kinds of host key that `startSshd` makes. */
export type SshKeyType = 'ed25519' | 'ecdsa' | 'rsa';

/** Options of `startSshd`. */
export interface StartSshdOptions {
  /**
   * Who logs in. `self` is whoever runs the test; `other` is a temporary user with a home of its own, made with `useradd`
   * and removed by `close()`, which needs root.
   * @default 'self'
   */
  readonly user?: 'self' | 'other';
  /** Login shell of the `other` user. @default '/bin/sh' */
  readonly loginShell?: string;
  /** Password of the `other` user. Switches password logins on. @default none: keys only */
  readonly password?: string;
  /**
   * `HOME` of the session. For `self` never the account's own: its rc files and its caches are none of a test's business.
   * @default an empty directory that `close()` removes
   */
  readonly home?: string;
  /** Files written into the `other` user's home before the first login, for instance `.bashrc`. */
  readonly homeFiles?: Readonly<Record<string, string>>;
  /** Host keys the server has. @default ['ed25519'] */
  readonly hostKeys?: readonly SshKeyType[];
  /** Sessions per connection. @default 10, as OpenSSH's */
  readonly maxSessions?: number;
  /** Further lines of sshd_config; they win over those written here. */
  readonly config?: readonly string[];
}

/** A key of the server. */
export interface SshdHostKey {
  /** For instance `ssh-ed25519 AAAA…`, without comment. */
  readonly publicKey: string;
  /** `SHA256:…`, as ssh-keygen prints it. */
  readonly fingerprint: string;
}

/** A running OpenSSH server. */
export interface Sshd extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  /** Home directory of the session that logs in. */
  readonly home: string;
  /** OpenSSH private key that may log in, unencrypted. */
  readonly privateKey: string;
  /** File that holds it, mode 0600. */
  readonly privateKeyFile: string;
  /** In the order of `hostKeys`. */
  readonly hostKeys: readonly SshdHostKey[];
  /** known_hosts lines that name this server, for `port`. */
  readonly knownHosts: string;
  /** Processes that logins of this server started and that still live, wherever they were reparented to. */
  processes(): Promise<readonly MarkedProcess[]>;
  /** What the server logged so far. */
  log(): string;
  /** Ends the server, its logins, all they started, and removes user and files. Idempotent. */
  close(): Promise<void>;
}

/** A server, or why there is none here. */
export type SshdResult =
  | { readonly sshd: Sshd; readonly reason?: never }
  | { readonly sshd?: never; readonly reason: string };

/** The server's own program: sshd re-executes itself and wants an absolute path. */
const sshdPath = '/usr/sbin/sshd';

/** Starts a real OpenSSH server on 127.0.0.1 with keys and configuration of its own; nothing of the machine's is read. */
export async function startSshd(options: StartSshdOptions = {}): Promise<SshdResult> {
  const isRoot = userInfo().uid === 0;
  try {
    await access(sshdPath);
  } catch {
    return { reason: 'OpenSSH’s server: apt-get install openssh-server' };
  }
  if (options.user === 'other' && !isRoot) return { reason: 'root, to make a second user: run the tests as root' };
  const directory = await mkdtemp(join(tmpdir(), 'optio-sshd-'));
  const undo: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  const closing: { promise?: Promise<void> } = {};
  const close = (): Promise<void> =>
    (closing.promise ??= (async () => {
      for (const step of undo.toReversed()) await step();
    })());
  try {
    // The logged-in user reads its authorized keys here; the private key beside them stays 0600.
    await chmod(directory, 0o711);
    // Where OpenSSH separates privileges; its package's service makes it, and in a container nobody has.
    if (isRoot) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
    const account = await openAccount(options, directory);
    const { temporary } = account;
    if (temporary) undo.push(() => temporary.remove());
    const mark = `OPTIO_TESTKIT_SSHD=${directory}`;
    undo.push(async () => {
      for (let left = await markedProcesses(mark); left.length > 0; left = await markedProcesses(mark)) {
        for (const { pid } of left) killIfAlive(pid);
      }
    });
    const hostKeys = await Promise.all(
      (options.hostKeys ?? ['ed25519']).map((type) => makeKey(directory, `host_${type}`, type)),
    );
    const userKey = await makeKey(directory, 'user', 'ed25519');
    await writeFile(join(directory, 'authorized_keys'), `${userKey.publicKey}\n`, { mode: 0o644 });
    const config = join(directory, 'sshd_config');
    await writeFile(
      config,
      composeConfig(options, { directory, user: account.user, home: account.home, mark, hostKeys }),
    );
    const server = await startServer(config);
    undo.push(() => stopServer(server.process));
    return {
      sshd: {
        host: '127.0.0.1',
        port: server.port,
        user: account.user,
        home: account.home,
        privateKey: await readFile(userKey.file, 'utf8'),
        privateKeyFile: userKey.file,
        hostKeys: hostKeys.map(({ publicKey, fingerprint }) => ({ publicKey, fingerprint })),
        knownHosts: hostKeys.map(({ publicKey }) => `[127.0.0.1]:${server.port} ${publicKey}\n`).join(''),
        processes: () => markedProcesses(mark),
        log: server.log,
        close,
        [Symbol.asyncDispose]: close,
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Account {
  readonly user: string;
  readonly home: string;
  readonly temporary?: TemporaryUser;
}

async function openAccount(options: StartSshdOptions, directory: string): Promise<Account> {
  const home = options.home ?? join(directory, 'home');
  if (options.user !== 'other') {
    await mkdir(home, { recursive: true, mode: 0o700 });
    return { user: userInfo().username, home };
  }
  const temporary = await createTemporaryUser({
    home,
    shell: options.loginShell ?? '/bin/sh',
    ...(options.password === undefined ? {} : { password: options.password }),
  });
  for (const [path, content] of Object.entries(options.homeFiles ?? {})) {
    const file = join(temporary.home, path);
    for (let parent = dirname(file); parent.length > temporary.home.length; parent = dirname(parent)) {
      await mkdir(parent, { recursive: true });
      await chown(parent, temporary.uid, temporary.gid);
    }
    await writeFile(file, content);
    await chown(file, temporary.uid, temporary.gid);
  }
  return { user: temporary.name, home: temporary.home, temporary };
}

interface MadeKey extends SshdHostKey {
  readonly file: string;
}

async function makeKey(directory: string, name: string, type: SshKeyType): Promise<MadeKey> {
  const file = join(directory, name);
  await runTool('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', file]);
  const [publicKey, listing] = await Promise.all([
    readFile(`${file}.pub`, 'utf8'),
    runTool('ssh-keygen', ['-l', '-E', 'sha256', '-f', `${file}.pub`]),
  ]);
  return { file, publicKey: publicKey.trim(), fingerprint: listing.split(' ')[1] ?? '' };
}

interface ConfigFacts {
  readonly directory: string;
  readonly user: string;
  readonly home: string;
  readonly mark: string;
  readonly hostKeys: readonly MadeKey[];
}

/** sshd takes the first value it meets, so the caller's lines come first. */
function composeConfig(options: StartSshdOptions, facts: ConfigFacts): string {
  return [
    ...(options.config ?? []),
    'ListenAddress 127.0.0.1',
    ...facts.hostKeys.map(({ file }) => `HostKey ${file}`),
    `PidFile none`,
    `AuthorizedKeysFile ${join(facts.directory, 'authorized_keys')}`,
    // The files are below a world-writable /tmp, which strict modes refuse.
    'StrictModes no',
    `AllowUsers ${facts.user}`,
    'PermitRootLogin yes',
    `PasswordAuthentication ${options.password === undefined ? 'no' : 'yes'}`,
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'UseDNS no',
    'PrintMotd no',
    'LogLevel VERBOSE',
    `MaxSessions ${options.maxSessions ?? 10}`,
    'MaxStartups 100',
    `SetEnv ${facts.mark} HOME=${facts.home}`,
    '',
  ].join('\n');
}

interface Server {
  readonly process: ChildProcess;
  readonly port: number;
  readonly log: () => string;
}

async function startServer(config: string): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = spawn(sshdPath, ['-D', '-e', '-f', config, '-p', String(port)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    const isListening = await new Promise<boolean>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve(false));
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        log = `${log}${text}`.slice(-256 * 1024);
        if (log.includes('Server listening on')) resolve(true);
      });
    });
    if (isListening) return { process: child, port, log: () => log };
    // Between the look for a free port and sshd's bind another process may have taken it.
    if (attempt === 5 || !log.includes('Address already in use')) throw new Error(`sshd did not start: ${log}`);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // A connection is a process of its own that lives on without the listener.
  const connections = child.pid === undefined ? [] : await descendants(child.pid);
  child.kill('SIGKILL');
  for (const pid of connections) killIfAlive(pid);
  await exited;
}
