import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { killIfAlive, runTool } from './marked-processes.ts';

/** Options of `createTemporaryUser`. */
export interface CreateTemporaryUserOptions {
  /** Home directory; made here, mode 0700. */
  readonly home: string;
  readonly shell: string;
  /** @default none: no password can log in, keys can */
  readonly password?: string;
}

/** A user of this machine that exists for one test. */
export interface TemporaryUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** Ends its processes and removes the account with its home. */
  remove(): Promise<void>;
}

/** Makes a user with `useradd`. Needs root. */
export async function createTemporaryUser(options: CreateTemporaryUserOptions): Promise<TemporaryUser> {
  const name = `optio-${randomBytes(4).toString('hex')}`;
  // `*` is no password at all; useradd's own `!` means locked, which sshd refuses even with a key.
  await retryWhileLocked(() =>
    runTool('useradd', ['-M', '-N', '-p', '*', '-d', options.home, '-s', options.shell, name]),
  );
  try {
    if (options.password !== undefined) await runTool('chpasswd', [], `${name}:${options.password}\n`);
    const fields = (await runTool('getent', ['passwd', name])).split(':');
    const [uid, gid] = [Number(fields[2]), Number(fields[3])];
    await runTool('install', ['-d', '-m', '0700', '-o', String(uid), '-g', String(gid), options.home]);
    return {
      name,
      uid,
      gid,
      home: options.home,
      remove: () => removeUser(name, uid, options.home),
    };
  } catch (error) {
    await retryWhileLocked(() => runTool('userdel', [name]));
    throw error;
  }
}

async function removeUser(name: string, uid: number, home: string): Promise<void> {
  for (let left = await processesOf(uid); left.length > 0; left = await processesOf(uid)) {
    for (const pid of left) {
      killIfAlive(pid);
    }
    await delay(10);
  }
  await retryWhileLocked(() => runTool('userdel', ['-f', name]));
  await rm(home, { recursive: true, force: true });
}

/** Pids of the user's processes, zombies left out: nothing can end these but their parent. */
async function processesOf(uid: number): Promise<readonly number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      // The owner of /proc/<pid> would say root for what changed its user, as sshd's own processes do.
      const status = await readFile(`/proc/${pid}/status`, 'latin1');
      const isAlive = !/^State:\s*[ZX]/m.test(status);
      if (isAlive && Number(/^Uid:\s*(\d+)/m.exec(status)?.[1]) === uid) pids.push(pid);
    } catch {
      // It ended meanwhile.
    }
  }
  return pids;
}

/** useradd and userdel give up at once when another one holds the password file. */
async function retryWhileLocked(step: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await step();
      return;
    } catch (error) {
      if (attempt === 50 || !/cannot lock|try again/i.test(String(error))) throw error;
      await delay(100);
    }
  }
}
