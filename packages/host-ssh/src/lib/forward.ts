import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { pipeline } from 'node:stream';

import { HostError, type ForwardPortOptions, type PortForward } from '@optio-ts/host-core';
import type { Client } from 'ssh2';

/** What a forward needs of the host object. */
export interface OpenForwardOptions extends ForwardPortOptions {
  readonly port: number;
  readonly description: string;
  /** Gives a live connection; a new one after a loss, so that the local port outlives the link. */
  readonly takeClient: (abortSignal: AbortSignal) => Promise<Client>;
}

const loopback = '127.0.0.1';

/** Listens on this machine and carries each connection to the host's port. Throws `FORWARD_FAILED`, `ABORTED` and as a run does. */
export async function openForward(options: OpenForwardOptions): Promise<PortForward> {
  const { port, description, localPort = 0, abortSignal, takeClient } = options;
  const closing = new AbortController();
  const sockets = new Set<Socket>();
  // So that what is wrong with the host is said now and not at the first connection.
  await takeClient(abortSignal ?? closing.signal);

  // Half-open both ways: a side that has said all it wants still reads the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    // Errors of one connection are told to whoever made it, by its end.
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    carry(socket, port, takeClient(closing.signal)).catch(() => socket.resetAndDestroy());
  });
  server.listen({ host: loopback, port: localPort });
  try {
    await once(server, 'listening', abortSignal === undefined ? {} : { signal: abortSignal });
  } catch (cause) {
    server.close();
    const isAborted = abortSignal?.aborted === true;
    const message = `Cannot forward port ${port} of ${description}: ${isAborted ? 'aborted' : (cause as Error).message}`;
    throw new HostError(isAborted ? 'ABORTED' : 'FORWARD_FAILED', message, { cause });
  }
  const closed = once(server, 'close');
  return {
    localPort: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      closing.abort(new HostError('DISPOSED', `The forward of port ${port} of ${description} was closed`));
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function carry(socket: Socket, port: number, taking: Promise<Client>): Promise<void> {
  const client = await taking;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  client.forwardOut(loopback, socket.remotePort ?? 0, loopback, port, (error, channel) => {
    if (error) return reject(error);
    // Each direction ends on its own; only what breaks one breaks the other.
    const onEnd = (failure: Error | null): void => {
      if (!failure) return;
      channel.close();
      socket.destroy();
    };
    // The far side's hard end closes the channel for both directions, and nobody may still write into it.
    channel.once('close', () => socket.destroySoon());
    socket.once('close', () => channel.close());
    pipeline(socket, channel, onEnd);
    pipeline(channel, socket, onEnd);
    resolve();
  });
  await promise;
}
