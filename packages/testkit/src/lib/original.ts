import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { installWheels } from './python-wheels.ts';

const requirements = fileURLToPath(new URL('../../original-requirements.txt', import.meta.url));
const driver = fileURLToPath(new URL('../../original-driver.py', import.meta.url));

/** Where the original works. */
export interface StartOriginalOptions {
  readonly mongoUri: string;
  readonly database: string;
  /** @default 'optio' */
  readonly prefix?: string;
  /** Task directories lie here, one for each process id; it is also the original's home. */
  readonly taskRoot: string;
  /** 32 bytes: its encryption hooks are AES-256-GCM (nonce of 12 bytes, ciphertext, tag). @default no hooks */
  readonly key?: Uint8Array;
}

/** What a step of the original left. */
export interface OriginalStep {
  /** 24 hex digits: the id of the task's process document. */
  readonly processOid: string;
  /** The seed's id, or opencode's session id. */
  readonly value: string;
}

/** Options of `Original.runSession`. */
export interface OriginalSessionOptions {
  readonly processId: string;
  /** Holds a program named `opencode`. */
  readonly opencodeDirectory: string;
  readonly instructions?: string;
  readonly config?: object;
  readonly resume?: boolean;
  readonly autoStart?: boolean;
  readonly seedId?: string;
  readonly saveSeed?: boolean;
  /** A host to run on. @default this machine */
  readonly ssh?: { readonly host: string; readonly port: number; readonly user: string; readonly keyPath: string };
  /** Return once opencode is live, and leave it running: over SSH a session of the original never ends. @default false */
  readonly untilLive?: boolean;
}

/** How a session of the original ended. */
export interface OriginalSession {
  readonly processOid: string;
  readonly state: string;
  readonly error: string | null;
  readonly hasSavedState: boolean;
  readonly seedId: string | null;
  readonly model: string | null;
  /** With the milliseconds since the launch. */
  readonly log: readonly { readonly atMs: number; readonly message: string }[];
  readonly tookMs: number;
}

/**
 * The original, running: optio-opencode 0.1.6 on the engine of optio-core. A home is `<task root>/<process id>/workdir/home`.
 * An operation that fails there is an `Error` that begins with the name of Python's exception.
 */
export interface Original extends AsyncDisposable {
  captureSeed(processId: string): Promise<OriginalStep>;
  plantSeed(processId: string, seedId: string): Promise<void>;
  listSeeds(): Promise<readonly { readonly seedId: string; readonly createdAt: string }[]>;
  purgeSeed(seedId: string): Promise<void>;
  /** Takes a snapshot of a workdir; `opencode` is a program that exports the session. */
  captureSnapshot(options: {
    readonly processId: string;
    readonly sessionId: string;
    readonly opencode: string;
  }): Promise<OriginalStep>;
  /** Restores the newest snapshot of `processId` into another task's workdir; `opencode` is a program that imports. */
  restoreSnapshot(options: {
    readonly processId: string;
    readonly into: string;
    readonly opencode: string;
  }): Promise<OriginalStep>;
  /** Runs a whole session, or its start. */
  runSession(options: OriginalSessionOptions): Promise<OriginalSession>;
}

/** The original, or why it is not here: what would have to be there, after the words "needs". */
export type OriginalResult =
  | { readonly original: Original; readonly reason?: never }
  | { readonly original?: never; readonly reason: string };

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly failure?: { readonly type: string; readonly message: string };
}

/** Starts the original on a database, out of packages that pip downloads once, pinned by their hashes. */
export async function startOriginal(options: StartOriginalOptions): Promise<OriginalResult> {
  const { mongoUri, database, prefix = 'optio', taskRoot, key } = options;
  const wheels = await installWheels({ requirements, name: 'original', env: process.env });
  if (wheels.directory === undefined) {
    return { reason: `the original: ${wheels.reason}; install Python 3.11 to 3.13 with pip, with a way to PyPI` };
  }
  const child = spawn('python3', ['-s', '-B', driver], {
    cwd: taskRoot,
    env: {
      PATH: process.env['PATH'],
      HOME: taskRoot,
      PYTHONPATH: wheels.directory,
      OPTIO_OPENCODE_TASK_ROOT: taskRoot,
      OPTIO_OPENCODE_REMOTE_TASK_ROOT: taskRoot,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const ready = Promise.withResolvers<void>();
  let calls = 0;

  createInterface(child.stdout).on('line', (line) => {
    const { id, result, failure } = JSON.parse(line) as Answer;
    if (id === undefined) return ready.resolve();
    const call = waiting.get(id);
    waiting.delete(id);
    if (failure === undefined) call?.resolve(result);
    else call?.reject(new Error(`${failure.type}: ${failure.message}`));
  });
  child.once('exit', (code) => {
    const error = new Error(`The original ended with ${code}`);
    ready.reject(error);
    for (const { reject } of waiting.values()) reject(error);
  });

  const send = (message: object): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
  const call = <Result>(operation: string, parameters: object): Promise<Result> => {
    const pending = Promise.withResolvers<unknown>();
    waiting.set((calls += 1), pending);
    send({ id: calls, operation, parameters });
    return pending.promise as Promise<Result>;
  };
  send({ mongoUri, database, prefix, ...(key === undefined ? {} : { key: Buffer.from(key).toString('hex') }) });
  await ready.promise;

  const original: Original = {
    captureSeed: (processId) => call('captureSeed', { processId }),
    plantSeed: (processId, seedId) => call('plantSeed', { processId, seedId }),
    listSeeds: () => call('listSeeds', {}),
    purgeSeed: (seedId) => call('purgeSeed', { seedId }),
    captureSnapshot: (parameters) => call('captureSnapshot', parameters),
    restoreSnapshot: (parameters) => call('restoreSnapshot', parameters),
    runSession: ({
      instructions = '',
      config = {},
      resume = false,
      autoStart = false,
      seedId,
      saveSeed = false,
      ssh,
      untilLive = false,
      ...rest
    }) =>
      call('runSession', {
        ...rest,
        instructions,
        config,
        resume,
        autoStart,
        saveSeed,
        untilLive,
        seedId: seedId ?? null,
        ssh: ssh === undefined ? null : { host: ssh.host, user: ssh.user, key_path: ssh.keyPath, port: ssh.port },
      }),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
  return { original };
}
