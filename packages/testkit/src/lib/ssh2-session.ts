import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { Readable, Writable } from 'node:stream';

import type { Connection, ServerChannel } from 'ssh2';

import type { Ssh2Oddity, Ssh2ServeOptions } from './ssh2-oddity.ts';

/** What the logins of an ssh2 server run in. */
export interface Ssh2SessionOptions {
  readonly loginShell: string;
  readonly env: Readonly<Record<string, string>>;
  readonly home: string;
  readonly maxSessions: number;
  readonly oddity: Ssh2Oddity;
}

/** Runs what a connection asks for, each command in a session and process group of its own as OpenSSH does. */
export function handleSessions(connection: Connection, options: Ssh2SessionOptions): void {
  const { onSession = serveAsItIs, onCommand = serveAsItIs } = options.oddity;
  let sessions = 0;
  connection.on('session', (accept, reject) => {
    const serve = (): void => {
      sessions += 1;
      const session = accept();
      session.on('close', () => (sessions -= 1));
      session.on('exec', (acceptExec, refuse, { command }) => {
        const run = (served: Ssh2ServeOptions = {}): void => runCommand(acceptExec(), { command, ...served }, options);
        onCommand({ connection, command, accept: acceptExec, refuse, serve: run });
      });
    };
    if (sessions >= options.maxSessions) reject();
    else onSession({ connection, refuse: reject, serve });
  });
}

function serveAsItIs(request: { serve(): void }): void {
  request.serve();
}

function runCommand(
  channel: ServerChannel,
  served: Ssh2ServeOptions & { readonly command: string },
  { loginShell, env, home }: Ssh2SessionOptions,
): void {
  const { command, beforeOutput, tellExit = (_channel, tell) => tell() } = served;
  const child = spawn(loginShell, ['-c', command], { cwd: home, env, detached: true });
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => {
      channel.exit(127);
      resolve();
    });
    child.once('exit', (code, signal) => {
      tellExit(channel, () => {
        if (code === null) channel.exit((signal ?? 'SIGKILL').slice('SIG'.length), false, '');
        else channel.exit(code);
      });
      resolve();
    });
  });
  const output = createChannelWriter(channel, (chunk) => beforeOutput?.(chunk, exited));
  // As OpenSSH: the channel is closed when nothing holds the command's output any more.
  void Promise.allSettled([
    exited,
    output.carry(child.stdout, channel),
    output.carry(child.stderr, channel.stderr),
  ]).then(() => channel.end());
  // A command that reads no more drops its input.
  child.stdin.on('error', () => channel.resume());
  channel.on('error', () => undefined);
  channel.pipe(child.stdin);
  channel.once('close', () => {
    for (const stream of child.stdio) stream?.destroy();
  });
}

interface ChannelWriter {
  /** Writes all of `source`, as fast as the client takes it. */
  carry(source: Readable, sink: Writable): Promise<void>;
}

/**
 * One chunk at a time for both streams of a channel, since ssh2 1.17 mixes them up: what once waited for the client's window
 * it sends again when the other stream waits.
 */
function createChannelWriter(
  channel: ServerChannel,
  before: (chunk: Buffer) => Promise<void> | undefined,
): ChannelWriter {
  const waiting = channel as unknown as Record<'_chunk' | '_chunkcb' | '_chunkErr' | '_chunkcbErr', undefined>;
  const closed = new Promise<void>((resolve) => channel.once('close', () => resolve()));
  let last = Promise.resolve();
  const write = async (sink: Writable, chunk: Buffer): Promise<void> => {
    // A channel that is closed never says that a chunk was written.
    await Promise.race([closed, new Promise<void>((resolve) => sink.write(chunk, () => resolve()))]);
    waiting._chunk = waiting._chunkcb = waiting._chunkErr = waiting._chunkcbErr = undefined;
  };
  return {
    async carry(source, sink) {
      for await (const chunk of source) {
        await before(chunk as Buffer);
        last = last.then(() => write(sink, chunk as Buffer));
        await last;
      }
    },
  };
}

/** Carries what a connection forwards to ports of this machine. */
export function handleForwards(connection: Connection): void {
  connection.on('tcpip', (accept, reject, { destIP, destPort }) => {
    const socket = connect({ host: destIP, port: destPort, allowHalfOpen: true, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      const channel = accept();
      channel.on('error', () => socket.destroy());
      socket.on('error', () => channel.close());
      socket.pipe(channel).pipe(socket);
      channel.once('close', () => socket.destroySoon());
    });
  });
}
