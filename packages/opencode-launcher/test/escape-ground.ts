import { randomBytes } from 'node:crypto';
import { chmod, chown, copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Host, Workspace } from '@optio-ts/host-core';

import { escapeAttempts } from './escape-attempts.ts';
import type { EscapeTargets } from './escape-attempts.ts';

/** The machine around a session, with all that its agent must not get at, each holding a canary. */
export interface EscapeGround extends AsyncDisposable {
  readonly targets: EscapeTargets;
  /** Prefix of the words that attempts write. */
  readonly marks: string;
  /** Names of the attempts that worked since the last call, by what they printed below `attempts` and what is changed. */
  judge(attempts: string): Promise<readonly string[]>;
}

/** Options of `layEscapeGround`. */
export interface EscapeGroundOptions {
  /** As whom the agent runs. */
  readonly host: Host;
  readonly workspace: Workspace;
  readonly owner: { readonly uid: number; readonly gid: number; readonly home: string };
}

const LINE_END = '\n';

/** Lays it out. Needs root; everything is gone again at the end. */
export async function layEscapeGround({ host, workspace, owner }: EscapeGroundOptions): Promise<EscapeGround> {
  const id = randomBytes(6).toString('hex');
  const canary = `canary-${id}`;
  const marks = `mark-${id}`;
  const base = await realpath(await mkdtemp(join(tmpdir(), 'optio-escape-')));
  await chmod(base, 0o755);
  const own = (name: string): string => join(base, name);
  const places = [
    base,
    join(owner.home, `.optio-escape-${id}`),
    join('/home', `optio-escape-${id}`),
    join('/usr/local/lib', `optio-escape-${id}`),
    join('/dev/shm', `optio-escape-${id}`),
    join('/run', `optio-escape-${id}.sock`),
    join(workspace.taskRoot, 'other'),
  ] as const;
  const [, ssh, otherHome, programs, shm, runSocket, otherTask] = places;
  const setuid = join(programs, 'cat');
  const files = {
    STORE: own('worker/optio.db'),
    KEY: own('worker/identity.txt'),
    SSH_KEY: join(ssh, 'id_ed25519'),
    AUTHORIZED: join(ssh, 'authorized_keys'),
    OTHER_TASK: join(otherTask, 'workdir/notes'),
    SHM: shm,
    PROGRAM_DATA: join(programs, 'data'),
  };
  const controlFile = join(workspace.controlDirectory, 'canary');
  const written = [...Object.values(files), own('worker/optio.db-wal'), controlFile];

  const give = async (path: string): Promise<void> => chown(path, owner.uid, owner.gid);
  const sockets = [own('socket'), runSocket].map((path) => ({
    path,
    server: createServer((socket) => socket.end(canary + LINE_END)),
  }));
  try {
    for (const path of [...Object.values(files), own('victim/opened'), join(otherHome, 'notes')]) {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await writeFile(path, canary + LINE_END);
      if (path.startsWith(otherHome)) continue;
      if (dirname(path) !== '/dev/shm' && dirname(path) !== programs) await give(dirname(path));
      await give(path);
    }
    await mkdir(workspace.controlDirectory, { recursive: true, mode: 0o700 });
    await give(workspace.controlDirectory);
    await writeFile(controlFile, canary + LINE_END);
    await give(controlFile);
    await copyFile('/bin/cat', setuid);
    await chmod(setuid, 0o4755);
    await writeFile(join(programs, 'secret'), canary + LINE_END, { mode: 0o600 });
    for (const { path, server } of sockets) {
      await new Promise<void>((resolve) => server.listen(path, resolve));
      await chmod(path, 0o666);
    }
    const program = own('victim/victim.pl');
    await copyFile(fileURLToPath(new URL('escape-victim.pl', import.meta.url)), program);
    await chmod(program, 0o644);
    const keyring = `optio-escape-${id}`;
    const victim = await startVictim(host, ['perl', program, canary, files.KEY, keyring], canary, own('victim'));

    return {
      marks,
      targets: {
        ...files,
        OTHER_HOME: join(otherHome, 'notes'),
        CONTROL: workspace.controlDirectory,
        VICTIM: victim.pid,
        SOCKET: own('socket'),
        RUN_SOCKET: runSocket,
        SEGMENT: victim.segment,
        SETUID: setuid,
        SETUID_SECRET: join(programs, 'secret'),
        KEYRING: keyring,
        HANDLE: victim.handle,
      },
      async judge(attempts) {
        const contents = await Promise.all(written.map((path) => readFile(path, 'latin1').catch(() => '')));
        const hasSignalled = await readFile(own('victim/signalled'), 'utf8').then(
          () => true,
          () => false,
        );
        await rm(own('victim/signalled'), { force: true });
        const successes: string[] = [];
        for (const { name, proof } of escapeAttempts) {
          const printed = await readFile(join(attempts, `${name}.out`), 'latin1');
          const isRead = printed.includes(canary) || printed.includes('it-worked');
          const isWritten = contents.some((content) => content.includes(`${marks}-${name}.`));
          if (proof === 'signal' ? hasSignalled : proof === 'write' ? isWritten : isRead) successes.push(name);
        }
        // As it was: what was written must not be taken for the work of the next.
        for (const path of written) {
          await writeFile(path, canary + LINE_END);
          await give(path);
        }
        return successes;
      },
      async [Symbol.asyncDispose]() {
        await victim.end();
        await clean();
      },
    };
  } catch (error) {
    await clean();
    throw error;
  }

  async function clean(): Promise<void> {
    for (const { server } of sockets) server.close();
    for (const path of places) await rm(path, { recursive: true, force: true });
  }
}

interface Victim {
  readonly pid: string;
  readonly segment: string;
  readonly handle: string;
  end(): Promise<void>;
}

async function startVictim(host: Host, command: readonly string[], canary: string, cwd: string): Promise<Victim> {
  const ended = Promise.withResolvers<void>();
  const process = await host.spawn([...command], { cwd, env: { CANARY: canary }, stdin: untilEnded(ended.promise) });
  let said = '';
  for await (const chunk of process.stdout) {
    said += Buffer.from(chunk).toString('latin1');
    if (said.includes(LINE_END)) break;
  }
  const [pid = '', segment = '', handle = ''] = said.trim().split(' ');
  if (!/^\d+$/.test(pid)) throw new Error(`The victim did not start: ${said}`);
  return {
    pid,
    segment,
    handle,
    async end() {
      ended.resolve();
      await process.exited;
    },
  };
}

/**
 * An input that ends when it is told to.
 *
 * @yields its only line, right before its end
 */
async function* untilEnded(ended: Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
  await ended;
  yield Buffer.from(LINE_END);
}
