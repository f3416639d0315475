import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

import { assertBytes, collect, rejectsWith, within } from './support.ts';
import type { HostCase } from './support.ts';

/** A server on loopback that waits for the end of what it is sent and answers it back, with a prefix. */
async function startServer(prefix: string): Promise<{ port: number; server: Server } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    collect(socket).then(
      (content) => socket.end(Buffer.concat([Buffer.from(prefix), content])),
      () => socket.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    server,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

async function ask(port: number, content: Uint8Array | string): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(content);
  return within('an answer', collect(socket));
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  await using server = await startServer('');
  return server.port;
}

/** What `forwardPort` promises. */
export const forwardCases: readonly HostCase[] = [
  {
    name: 'forwardPort reaches a port of the host',
    run: async ({ host }) => {
      await using server = await startServer('answer: ');
      await using forward = await host.forwardPort(server.port);
      assert.equal((await ask(forward.localPort, 'question')).toString(), 'answer: question');
    },
  },
  {
    name: 'forwardPort passes megabytes both ways and keeps the end of one way apart from the other',
    run: async ({ host }) => {
      await using server = await startServer('>');
      await using forward = await host.forwardPort(server.port, { localPort: await freePort() });
      const content = Buffer.alloc(3_000_000, 'abcdefg');
      assertBytes(await ask(forward.localPort, content), Buffer.concat([Buffer.from('>'), content]));
    },
  },
  {
    name: 'forwardPort takes several ports and several connections at once',
    run: async ({ host }) => {
      await using one = await startServer('1:');
      await using two = await startServer('2:');
      await using first = await host.forwardPort(one.port, { localPort: await freePort() });
      await using second = await host.forwardPort(two.port, { localPort: await freePort() });
      const asked = Array.from({ length: 10 }, async (_, index) => {
        const port = index % 2 === 0 ? first.localPort : second.localPort;
        return (await ask(port, String(index))).toString();
      });
      assert.deepEqual(
        await Promise.all(asked),
        Array.from({ length: 10 }, (_, index) => `${(index % 2) + 1}:${index}`),
      );
    },
  },
  {
    name: 'forwardPort uses the local port it is given, and says FORWARD_FAILED when that is taken',
    run: async ({ host }) => {
      await using server = await startServer('');
      await using other = await startServer('');
      const localPort = await freePort();
      await using forward = await host.forwardPort(server.port, { localPort });
      assert.equal(forward.localPort, localPort);
      const error = await rejectsWith(host.forwardPort(server.port, { localPort: other.port }), 'FORWARD_FAILED');
      assert.ok(error.message.includes(String(server.port)) && error.message.includes(host.description));
    },
  },
  {
    name: 'forwardPort stops when it is disposed, also twice, and ends open connections',
    run: async ({ host }) => {
      await using server = await startServer('');
      const forward = await host.forwardPort(server.port, { localPort: await freePort() });
      const open = connect(forward.localPort, '127.0.0.1');
      await once(open, 'connect');
      open.on('error', () => undefined);
      const closed = once(open, 'close');
      await forward[Symbol.asyncDispose]();
      await forward[Symbol.asyncDispose]();
      await within('the end of the connection', closed, 10_000);
      const late = connect(forward.localPort, '127.0.0.1');
      await assert.rejects(within('a refusal', once(late, 'connect')), { code: 'ECONNREFUSED' });
    },
  },
  {
    name: 'forwardPort ends a connection to a port where nothing listens',
    run: async ({ host }) => {
      await using forward = await host.forwardPort(await freePort(), { localPort: await freePort() });
      const socket = connect(forward.localPort, '127.0.0.1');
      socket.on('error', () => undefined);
      await within('the end of the connection', once(socket, 'close'));
    },
  },
  {
    name: 'forwardPort refuses what is no port as a TypeError, and an aborted call',
    run: async ({ host }) => {
      const forward = (...values: Parameters<typeof host.forwardPort>): Promise<unknown> =>
        (async () => host.forwardPort(...values))();
      for (const port of [0, -1, 65_536, 1.5, Number.NaN]) await assert.rejects(forward(port), TypeError);
      await assert.rejects(forward(80, { localPort: 70_000 }), TypeError);
      await rejectsWith(host.forwardPort(80, { abortSignal: AbortSignal.abort() }), 'ABORTED');
    },
  },
];
