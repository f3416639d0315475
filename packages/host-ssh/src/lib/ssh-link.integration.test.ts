import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { downloadFile } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { firstOf, readAll, setSshBench, text } from '../../test/ssh-bench.ts';

const { open, opened, useLink, useShared } = setSshBench();

describe('a lost link', () => {
  it('fails what runs with CONNECTION_LOST, and the next call works', async (ctx) => {
    const sshd = useShared(ctx);
    const link = await useLink(sshd);
    const host = open(sshd, { port: link.port });
    const child = await host.spawn(['sh', '-c', 'echo started; exec sleep 600']);
    expect(await firstOf(child.stdout)).toBe('started\n');
    const running = host.run(['sleep', '600']);
    await host.run(['true']);
    link.cut();
    await expect(child.exited).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(running).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(readAll(child.stdout)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(await text(host, 'echo', 'back')).toBe('back\n');
    // And what was lost is ended, now that there is a link again.
    const sleeping = async (): Promise<number> =>
      (await sshd.processes()).filter(({ command }) => command.startsWith('sleep 600')).length;
    await expect.poll(sleeping).toBe(0);
  });

  it('is noticed when nothing comes any more', async (ctx) => {
    const link = await useLink(useShared(ctx));
    const host = open(useShared(ctx), { port: link.port, keepaliveIntervalMs: 100, keepaliveCount: 2 });
    const child = await host.spawn(['sleep', '600']);
    link.halfOpen();
    await expect(child.exited).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    link.mend();
    expect(await text(host, 'echo', 'back')).toBe('back\n');
  });

  it('ends a download and leaves nothing of it', async (ctx) => {
    const server = createHttpServer((_, response) => response.writeHead(200).write('the rest never comes'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const directory = await mkdtemp(join(tmpdir(), 'optio-lost-'));
    try {
      const link = await useLink(useShared(ctx));
      const host = open(useShared(ctx), { port: link.port });
      const download = downloadFile(host, {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        path: join(directory, 'new/file'),
        allowUnverified: true,
        onProgress: () => link.cut(),
      });
      await expect(download).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      await expect.poll(() => readdir(directory)).toEqual([]);
    } finally {
      server.close();
      server.closeAllConnections();
      await rm(directory, { recursive: true });
    }
  });

  it('does not keep a forwarded port from working again, on the same port', async (ctx) => {
    const server = await startEcho();
    const link = await useLink(useShared(ctx));
    const host = open(useShared(ctx), { port: link.port });
    await using forward = await host.forwardPort(server.port);
    expect(await talk(forward.localPort, 'one')).toBe('one');
    link.cut();
    expect(await talk(forward.localPort, 'two')).toBe('two');
  });
});

describe('forwardPort', () => {
  it('resets a connection whose link breaks: half an answer never looks whole', async (ctx) => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).write('half');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    opened.unshift({ [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) });
    const link = await useLink(useShared(ctx));
    const host = open(useShared(ctx), { port: link.port });
    await using forward = await host.forwardPort((server.address() as AddressInfo).port);
    const socket = connect({ host: '127.0.0.1', port: forward.localPort });
    await once(socket, 'data');
    link.cut();
    await expect(readAll(socket)).rejects.toThrow('ECONNRESET');
  });

  it('passes on the end of each direction by itself', async (ctx) => {
    const server = await startEcho();
    const host = open(useShared(ctx));
    await using forward = await host.forwardPort(server.port);
    const socket = connect({ host: '127.0.0.1', port: forward.localPort, allowHalfOpen: true });
    // The echo server answers only when it has heard the end.
    socket.end('x'.repeat(300_000));
    expect((await readAll(socket)).length).toBe(300_000);
  });

  it('ends a connection to a port where nobody listens', async (ctx) => {
    const server = await startEcho();
    await server.close();
    await using forward = await open(useShared(ctx)).forwardPort(server.port);
    const socket = connect({ host: '127.0.0.1', port: forward.localPort }).on('error', () => {});
    await new Promise((resolve) => socket.once('close', resolve));
  });

  it('stops listening when disposed, and when its host is', async (ctx) => {
    const server = await startEcho();
    const host = open(useShared(ctx));
    const first = await host.forwardPort(server.port);
    const second = await host.forwardPort(server.port);
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await expect(talk(first.localPort, 'x')).rejects.toThrow('ECONNREFUSED');
    expect(await talk(second.localPort, 'y')).toBe('y');
    await host[Symbol.asyncDispose]();
    await expect(talk(second.localPort, 'z')).rejects.toThrow('ECONNREFUSED');
  });

  it('takes the local port it is told, or fails with FORWARD_FAILED', async (ctx) => {
    const server = await startEcho();
    await expect(open(useShared(ctx)).forwardPort(server.port, { localPort: server.port })).rejects.toMatchObject({
      code: 'FORWARD_FAILED',
    });
  });
});

interface Echo {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers with what it heard once it has heard the end. */
async function startEcho(): Promise<Echo> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    const chunks: Buffer[] = [];
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => socket.end(Buffer.concat(chunks)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  opened.unshift({ [Symbol.asyncDispose]: close });
  return { port: (server.address() as AddressInfo).port, close };
}

async function talk(port: number, words: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(words);
  return readAll(socket);
}
