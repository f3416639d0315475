import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { killIfAlive, markedProcesses, type MarkedProcess } from './marked-processes.ts';
import { openAccount, type SshAccount, type SshAccountOptions } from './ssh-account.ts';
import type { SshHostKey } from './ssh-keys.ts';

/** A running SSH server, whichever: what they all tell of themselves. */
export interface SshServer extends AsyncDisposable {
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
  readonly hostKeys: readonly SshHostKey[];
  /** Their fingerprints. */
  readonly fingerprints: readonly string[];
  /** All of a client's options but which host keys it takes; another `port` leads through a link. */
  readonly login: SshLogin;
  /** known_hosts lines that name this server, for `port`. */
  readonly knownHosts: string;
  /** Processes that logins of this server started and that still live, wherever they were reparented to. */
  processes(): Promise<readonly MarkedProcess[]>;
  /** What the server logged so far. */
  log(): string;
  /** Ends the server, its logins, all they started, and removes user and files. Idempotent. */
  close(): Promise<void>;
}

/** How somebody logs in, in the words of host-ssh. */
interface SshLogin {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  readonly authentication: { readonly type: 'key'; readonly privateKey: string };
}

/** Where a server is being set up, and what it is set up for. */
export interface SshServerSite {
  /** Of its own, removed at the end. The user who logs in may pass through it. */
  readonly directory: string;
  readonly account: SshAccount;
  /** `NAME=value` that the environment of every login has to hold: by it are those found that a login left behind. */
  readonly mark: string;
  /** Steps taken back at the end, the last one first. */
  readonly undo: (() => Promise<void>)[];
}

/** What is particular to one server. */
export type SshServerParts = Pick<SshServer, 'port' | 'privateKey' | 'privateKeyFile' | 'hostKeys' | 'log'> &
  Partial<Pick<SshServer, 'processes'>>;

/** Makes directory and account, starts a server on them, and sees to it that nothing is left of any of it. */
export async function openSshServer(
  options: SshAccountOptions,
  start: (site: SshServerSite) => Promise<SshServerParts>,
): Promise<SshServer> {
  const directory = await mkdtemp(join(tmpdir(), 'optio-sshd-'));
  const undo: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      for (const step of undo.toReversed()) await step();
    })());
  try {
    // The logged-in user reads its authorized keys here; the private key beside them stays 0600.
    await chmod(directory, 0o711);
    const account = await openAccount(options, directory);
    undo.push(() => account.remove());
    const mark = `OPTIO_TESTKIT_SSHD=${directory}`;
    undo.push(async () => {
      for (let left = await markedProcesses(mark); left.length > 0; left = await markedProcesses(mark)) {
        for (const { pid } of left) killIfAlive(pid);
      }
    });
    const parts = await start({ directory, account, mark, undo });
    const { user, home } = account;
    const { port, privateKey } = parts;
    return {
      host: '127.0.0.1',
      user,
      home,
      fingerprints: parts.hostKeys.map(({ fingerprint }) => fingerprint),
      login: { host: '127.0.0.1', port, user, authentication: { type: 'key', privateKey } },
      knownHosts: parts.hostKeys.map(({ publicKey }) => `[127.0.0.1]:${port} ${publicKey}\n`).join(''),
      processes: () => markedProcesses(mark),
      close,
      [Symbol.asyncDispose]: close,
      ...parts,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
