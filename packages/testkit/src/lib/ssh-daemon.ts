import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';

import { descendants, killIfAlive } from './marked-processes.ts';

/** What `startDaemon` starts. */
export interface StartDaemonOptions {
  /** Absolute path. */
  readonly program: string;
  readonly commandArguments: (port: number) => readonly string[];
  /** Its whole environment. @default this process's own */
  readonly env?: Readonly<Record<string, string>>;
  /** What it logs on standard error once it listens. */
  readonly listening: string;
}

/** A server in a process of its own. */
export interface Daemon {
  readonly port: number;
  readonly log: () => string;
  /** Ends it and its connections, which are processes of their own. */
  readonly stop: () => Promise<void>;
}

/** Starts a server that stays in the foreground, on a port that was free, and waits until it listens. */
export async function startDaemon(options: StartDaemonOptions): Promise<Daemon> {
  const { program, commandArguments, env, listening } = options;
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = spawn(program, commandArguments(port), {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(env === undefined ? {} : { env }),
    });
    let log = '';
    const isListening = await new Promise<boolean>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve(false));
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        log = `${log}${text}`.slice(-256 * 1024);
        if (log.includes(listening)) resolve(true);
      });
    });
    if (isListening) return { port, log: () => log, stop: () => stop(child) };
    // Between the look for a free port and the server's bind another process may have taken it.
    if (attempt === 5 || !log.includes('Address already in use')) throw new Error(`${program} did not start: ${log}`);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // A connection is a process of its own that lives on without the listener.
  const connections = child.pid === undefined ? [] : await descendants(child.pid);
  child.kill('SIGKILL');
  for (const pid of connections) killIfAlive(pid);
  await exited;
}
