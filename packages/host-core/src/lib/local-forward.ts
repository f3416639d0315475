import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import type { Socket } from 'node:net';

import { HostError } from './errors.ts';
import type { PortForward } from './host.ts';

const loopback = '127.0.0.1';

/**
 * Makes a port of this machine reachable on another port of it. Throws `FORWARD_FAILED` where the local port is taken, and
 * `ABORTED`.
 */
export async function forwardLocally(
  port: number,
  localPort: number,
  { abortSignal, description }: { readonly abortSignal: AbortSignal | undefined; readonly description: string },
): Promise<PortForward> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  // Half-open both ways: a side that has said all it wants still reads the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host: loopback, port, allowHalfOpen: true, noDelay: true });
    keep(near);
    keep(far);
    join(near, far);
    join(far, near);
  });
  server.listen({ host: loopback, port: localPort });
  try {
    await once(server, 'listening', abortSignal === undefined ? {} : { signal: abortSignal });
  } catch (cause) {
    server.close();
    const isAborted = abortSignal?.aborted === true;
    const reason = isAborted ? 'aborted' : (cause as Error).message;
    const message = `Cannot forward port ${port} of ${description}: ${reason}`;
    throw new HostError(isAborted ? 'ABORTED' : 'FORWARD_FAILED', message, { cause });
  }
  const address = server.address();
  const closed = once(server, 'close');
  return {
    localPort: typeof address === 'object' && address !== null ? address.port : localPort,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

// `pipe` passes on data and its end; what breaks one side has to break the other.
function join(from: Socket, to: Socket): void {
  from.on('error', () => to.destroy());
  from.once('close', (hadError) => {
    if (hadError || !from.readableEnded) to.destroy();
  });
  from.pipe(to);
}
