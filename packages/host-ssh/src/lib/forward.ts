import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { HostError, type ForwardPortOptions, type PortForward } from '@optio-ts/host-core';
import type { Client, ClientChannel } from 'ssh2';

import type { Dialled } from './dial.ts';

/** What a forward needs of the host object. */
export interface OpenForwardOptions extends Pick<ForwardPortOptions, 'localPort'> {
  readonly port: number;
  /** Ends the opening, with a `HostError` as its reason. */
  readonly stopSignal: AbortSignal;
  readonly description: string;
  /** Gives a live connection; a new one after a loss, so that the local port outlives the link. */
  readonly takeConnection: (abortSignal: AbortSignal) => Promise<Dialled>;
}

const loopback = '127.0.0.1';

/** Listens on this machine and carries each connection to the host's port. Throws `FORWARD_FAILED`, `ABORTED` and as a run does. */
export async function openForward(options: OpenForwardOptions): Promise<PortForward> {
  const { port, description, localPort = 0, stopSignal, takeConnection } = options;
  const closing = new AbortController();
  const sockets = new Set<Socket>();
  // So that what is wrong with the host is said now and not at the first connection.
  await takeConnection(stopSignal);

  // Half-open both ways: a side that has said all it wants still reads the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    // Errors of one connection are told to whoever made it, by its end.
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    connectThrough(socket, options, closing.signal).catch(() => socket.destroy());
  });
  server.listen({ host: loopback, port: localPort });
  try {
    await once(server, 'listening', { signal: stopSignal });
  } catch (cause) {
    server.close();
    if (stopSignal.aborted) throw stopSignal.reason;
    const message = `Cannot forward port ${port} of ${description}: ${(cause as Error).message}`;
    throw new HostError('FORWARD_FAILED', message, { cause });
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

/** Times a channel is asked for, while the reason for not getting it is the loss of the link. */
const attempts = 3;

async function connectThrough(socket: Socket, options: OpenForwardOptions, abortSignal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const { client, isLost } = await options.takeConnection(abortSignal);
    try {
      carry(socket, await openChannel(client, socket, options.port), isLost);
      return;
    } catch (error) {
      // Nothing of the connection has been sent yet, and so it may be made again over a new link.
      if (isRefusal(error) || attempt === attempts) throw error;
    }
  }
}

function openChannel(client: Client, socket: Socket, port: number): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.forwardOut(loopback, socket.remotePort ?? 0, loopback, port, (error, channel) => {
      if (error) reject(error);
      else resolve(channel);
    });
  });
}

/** Whether the server itself said no: then the error has a reason. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && typeof error.reason === 'number';
}

/**
 * Each direction ends on its own; only what breaks one breaks the other. With `pipe`, since `pipeline` would end the socket in
 * good order where the channel breaks, and half an answer would look whole.
 */
function carry(socket: Socket, channel: ClientChannel, isLost: () => boolean): void {
  const finish = (end: () => void): void => {
    // A link that breaks ends its channels as if all had been said.
    if (isLost()) socket.resetAndDestroy();
    else end();
  };
  channel.on('error', () => socket.resetAndDestroy());
  // It may have been closed while the channel was being opened.
  if (socket.destroyed) return void channel.resume().destroy();
  channel.once('end', () => finish(() => socket.end()));
  // A closed channel takes nothing more, and a closed socket neither.
  channel.once('close', () => finish(() => socket.destroySoon()));
  socket.once('close', () => channel.destroy());
  socket.pipe(channel);
  channel.pipe(socket, { end: false });
}
