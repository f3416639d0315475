import { chown, mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';

import { createTemporaryUser } from './temporary-user.ts';

/** Who logs in to a server of this kit. */
export interface SshAccountOptions {
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
}

/** The account that a server lets in. */
export interface SshAccount {
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** Removes what was made. */
  remove(): Promise<void>;
}

/** Why this account cannot be made here; `undefined` when it can. */
export function accountMissing(options: SshAccountOptions): string | undefined {
  if (options.user !== 'other' || userInfo().uid === 0) return undefined;
  return 'root, to make a second user: run the tests as root';
}

/** Finds or makes the account, with its home below the server's directory unless one is named. */
export async function openAccount(options: SshAccountOptions, directory: string): Promise<SshAccount> {
  const home = options.home ?? join(directory, 'home');
  if (options.user !== 'other') {
    const { username: user, uid, gid } = userInfo();
    await mkdir(home, { recursive: true, mode: 0o700 });
    return { user, uid, gid, home, remove: () => Promise.resolve() };
  }
  const temporary = await createTemporaryUser({
    home,
    shell: options.loginShell ?? '/bin/sh',
    ...(options.password === undefined ? {} : { password: options.password }),
  });
  const { name, uid, gid } = temporary;
  const account = { user: name, uid, gid, home, remove: () => temporary.remove() };
  try {
    for (const [path, content] of Object.entries(options.homeFiles ?? {})) await writeHomeFile(account, path, content);
  } catch (error) {
    await account.remove();
    throw error;
  }
  return account;
}

/** Writes a file of the user's own, with the directories above it. */
export async function writeHomeFile({ home, uid, gid }: SshAccount, path: string, content: string): Promise<void> {
  const file = join(home, path);
  for (let parent = dirname(file); parent.length > home.length; parent = dirname(parent)) {
    await mkdir(parent, { recursive: true });
    await chown(parent, uid, gid);
  }
  await writeFile(file, content);
  await chown(file, uid, gid);
}
