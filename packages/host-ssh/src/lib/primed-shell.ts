import { randomBytes } from 'node:crypto';

import { HostError } from '@optio-ts/host-core';
import type { Client, ClientChannel } from 'ssh2';

import { bootstrapCommand, parseReady, type ShellIdentity } from './bootstrap.ts';
import { createMarkScanner } from './marked-stream.ts';
import { printable } from './printable.ts';
import { closeChannel, openTracked } from './ssh2-internals.ts';

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
      `Cannot run commands on ${description}: the server allows no session (${printable(cause.message)})`,
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
  const deadline = performance.now() + options.timeoutMs;
  const channel = await openChannel(client, bootstrapCommand(nonce), deadline, options);
  const closed = new Promise<void>((resolve) => channel.once('close', () => resolve()));
  // A channel's errors tell of its end, and that is told by `close`.
  channel.on('error', () => undefined);
  try {
    const identity = await readReady(channel, nonce, deadline, options);
    return { channel, nonce, identity, closed };
  } catch (error) {
    closeChannel(channel);
    throw error;
  }
}

function openChannel(
  client: Client,
  command: string,
  deadline: number,
  options: OpenPrimedShellOptions,
): Promise<ClientChannel> {
  const { description, timeoutMs, isLost } = options;
  const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
  let isLate = false;
  const fail = (error: Error & { readonly reason?: unknown }): void => {
    if (isLost()) return reject(lostError(description, error));
    if (typeof error.reason === 'number') return reject(new SessionRefusedError(description, error));
    const reason = `the server runs no commands (${printable(error.message)}); does it let this account use sftp alone?`;
    reject(unsupported(description, reason, error));
  };
  let close = (): void => undefined;
  const timer = setTimeout(() => {
    isLate = true;
    close();
    const message = `Cannot use ${description}: its server did not answer within ${timeoutMs} ms when asked for a shell`;
    reject(new HostError('CONNECT_FAILED', message));
  }, deadline - performance.now());
  try {
    const onOpened = (error: Error | undefined, channel: ClientChannel): void => {
      if (error) {
        // Where only the command was refused, the session is still open.
        close();
        fail(error);
      } else if (isLate) closeChannel(channel);
      else resolve(channel);
    };
    close = openTracked(client, () => client.exec(command, onOpened));
  } catch (error) {
    // ssh2 throws where the connection is already going down.
    reject(lostError(description, error));
  }
  return promise.finally(() => clearTimeout(timer));
}

function readReady(
  channel: ClientChannel,
  nonce: string,
  deadline: number,
  options: OpenPrimedShellOptions,
): Promise<ShellIdentity> {
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
    const words = printable(`${errors.seen().toString('utf8')}\n${output.seen().toString('utf8')}`).trim();
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
    const message = `Cannot use ${options.description}: its login shell was not ready within ${options.timeoutMs} ms ${said()}; is another command forced on this account?`;
    reject(new HostError('CONNECT_FAILED', message));
  }, deadline - performance.now());
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
