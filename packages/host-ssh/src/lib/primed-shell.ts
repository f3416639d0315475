import { randomBytes } from 'node:crypto';

import { HostError } from '@optio-ts/host-core';
import type { Client, ClientChannel } from 'ssh2';

import { bootstrapCommand, parseReady, type ShellIdentity } from './bootstrap.ts';
import { createMarkScanner } from './marked-stream.ts';

/** A shell that waits on the host for the one line that says what it is to become. */
export interface PrimedShell {
  readonly channel: ClientChannel;
  /** 24 hex digits that nothing on the host knows but this shell. */
  readonly nonce: string;
  readonly identity: ShellIdentity;
  /** Resolves when the server has closed the channel, or the connection is gone. */
  readonly closed: Promise<void>;
}

/** The server has no session left on this connection; the connection itself is well. */
export class SessionRefusedError extends HostError {
  constructor(description: string, cause: Error) {
    super(
      'HOST_UNSUPPORTED',
      `Cannot run commands on ${description}: the server allows no session (${cause.message})`,
      { cause },
    );
  }
}

/** Options of `openPrimedShell`. */
export interface OpenPrimedShellOptions {
  readonly description: string;
  readonly timeoutMs: number;
  readonly isLost: () => boolean;
}

/**
 * Opens a shell and waits until it is ready. What rc files print before is dropped. Rejects with `SessionRefusedError`,
 * `CONNECTION_LOST`, `CONNECT_FAILED` (not ready in time) or `HOST_UNSUPPORTED` (a login shell that runs no commands).
 */
export async function openPrimedShell(client: Client, options: OpenPrimedShellOptions): Promise<PrimedShell> {
  const nonce = randomBytes(12).toString('hex');
  const channel = await openChannel(client, bootstrapCommand(nonce), options);
  const closed = new Promise<void>((resolve) => channel.once('close', () => resolve()));
  // A channel's errors tell of its end, and that is told by `close`.
  channel.on('error', () => undefined);
  try {
    const identity = await readReady(channel, nonce, options);
    return { channel, nonce, identity, closed };
  } catch (error) {
    channel.close();
    throw error;
  }
}

function openChannel(client: Client, command: string, options: OpenPrimedShellOptions): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { readonly reason?: unknown }): void => {
      if (options.isLost()) reject(lostError(options.description, error));
      else if (typeof error.reason === 'number') reject(new SessionRefusedError(options.description, error));
      else reject(unsupported(options.description, `the server runs no commands (${error.message})`, error));
    };
    try {
      client.exec(command, (error, channel) => (error ? fail(error) : resolve(channel)));
    } catch (error) {
      // ssh2 throws where the connection is already going down.
      reject(lostError(options.description, error));
    }
  });
}

function readReady(channel: ClientChannel, nonce: string, options: OpenPrimedShellOptions): Promise<ShellIdentity> {
  const { promise, resolve, reject } = Promise.withResolvers<ShellIdentity>();
  const output = createMarkScanner(nonce);
  const errors = createMarkScanner(nonce);
  let identity: ShellIdentity | undefined;
  let isErrorsReady = false;
  const finishIfReady = (): void => {
    if (identity && isErrorsReady) resolve(identity);
  };
  const onOutput = (chunk: Buffer): void => {
    const found = output.push(chunk);
    if (!found) return;
    channel.off('data', onOutput).pause();
    if (found.rest.length > 0) channel.unshift(found.rest);
    identity = parseReady(found.line);
    if (identity) finishIfReady();
    else reject(unsupported(options.description, `its shell answered ${JSON.stringify(found.line)}`));
  };
  const onErrors = (chunk: Buffer): void => {
    const found = errors.push(chunk);
    if (!found) return;
    channel.stderr.off('data', onErrors).pause();
    if (found.rest.length > 0) channel.stderr.unshift(found.rest);
    isErrorsReady = true;
    finishIfReady();
  };
  const said = (): string => {
    const words = `${errors.seen().toString('utf8')}\n${output.seen().toString('utf8')}`.trim().slice(0, 300);
    return words === '' ? 'and said nothing' : `and said: ${words}`;
  };
  let exit = 'without an exit code';
  channel.on(
    'exit',
    (code: number | null, signal?: string) => (exit = code === null ? `by ${signal}` : `with code ${code}`),
  );
  const onClose = (): void =>
    reject(
      options.isLost()
        ? lostError(options.description)
        : unsupported(options.description, `the login shell runs no commands: it ended ${exit} ${said()}`),
    );
  const timer = setTimeout(() => {
    const message = `Cannot use ${options.description}: its login shell was not ready within ${options.timeoutMs} ms ${said()}`;
    reject(new HostError('CONNECT_FAILED', message));
  }, options.timeoutMs);
  channel.on('data', onOutput).once('close', onClose);
  channel.stderr.on('data', onErrors);
  return promise.finally(() => {
    clearTimeout(timer);
    channel.off('close', onClose);
  });
}

function lostError(description: string, cause?: unknown): HostError {
  return new HostError('CONNECTION_LOST', `The connection to ${description} was lost`, { cause });
}

function unsupported(description: string, reason: string, cause?: unknown): HostError {
  return new HostError('HOST_UNSUPPORTED', `Cannot run commands on ${description}: ${reason}`, { cause });
}
