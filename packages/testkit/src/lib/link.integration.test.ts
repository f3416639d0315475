import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startLink } from './link.ts';

describe('startLink', () => {
  let echo: Server;
  let targetPort: number;
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    echo = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).on('data', (chunk) => socket.write(chunk));
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    targetPort = (echo.address() as AddressInfo).port;
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    echo.close();
    await once(echo, 'close');
  });

  const open = async (port: number): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true }).on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  /** `once` of node:events would reject on the reset that is wanted here. */
  const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));
  const ask = async (socket: Socket, text: string): Promise<string> => {
    const answer = once(socket, 'data');
    socket.write(text);
    return String((await answer)[0]);
  };

  it('carries bytes both ways and counts them and the round trips', async () => {
    await using link = await startLink({ targetPort });
    const socket = await open(link.port);
    for (const word of ['one', 'two', 'three']) expect(await ask(socket, word)).toBe(word);
    expect(link.counts()).toEqual({
      roundTrips: 3,
      bytesToServer: 11,
      bytesToClient: 11,
      connections: 1,
    });
  });

  it('delays each direction', async () => {
    await using link = await startLink({ targetPort, delayMs: 30 });
    const socket = await open(link.port);
    await expect.poll(() => sockets.size).toBe(1);
    const [other] = [...sockets];
    const start = performance.now();
    const [there, back] = [once(other as Socket, 'data'), ask(socket, 'late')];
    await there;
    // A lower bound only: how much later a loaded machine is says nothing.
    expect(performance.now() - start).toBeGreaterThanOrEqual(28);
    await back;
    expect(performance.now() - start).toBeGreaterThanOrEqual(58);
    link.delayMs = 0;
    expect(await ask(socket, 'at once')).toBe('at once');
  });

  it('resets what is open when cut, and takes new connections', async () => {
    await using link = await startLink({ targetPort });
    const socket = await open(link.port);
    await ask(socket, 'x');
    link.cut();
    await closed(socket);
    expect(await ask(await open(link.port), 'again')).toBe('again');
  });

  it('refuses new connections until mended when asked to', async () => {
    await using link = await startLink({ targetPort });
    link.cut({ refuse: true });
    const refused = connect({ host: '127.0.0.1', port: link.port }).on('error', () => {});
    await closed(refused);
    link.mend();
    expect(await ask(await open(link.port), 'back')).toBe('back');
  });

  it('cuts after the given number of bytes', async () => {
    await using link = await startLink({ targetPort });
    const socket = await open(link.port);
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length));
    link.cutAfter('server', 10);
    socket.write('0123456789abcdef');
    await closed(socket);
    expect(link.counts().bytesToServer).toBe(10);
    expect(received).toBeLessThanOrEqual(10);
  });

  it('cuts after the given number of bytes towards the client, too, and only once', async () => {
    await using link = await startLink({ targetPort });
    const socket = await open(link.port);
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length));
    link.cutAfter('client', 10);
    socket.write('0123456789abcdef');
    await closed(socket);
    expect(link.counts()).toMatchObject({ bytesToServer: 16, bytesToClient: 10 });
    expect(received).toBeLessThanOrEqual(10);
    expect(await ask(await open(link.port), '0123456789abcdef')).toBe('0123456789abcdef');
  });

  it('loses what is on its way when cut', async () => {
    await using link = await startLink({ targetPort, delayMs: 60_000 });
    const socket = await open(link.port);
    socket.write('never there');
    await expect.poll(() => link.openConnections).toBe(1);
    link.cut();
    await closed(socket);
    expect(link.counts().bytesToServer).toBe(0);
    expect(link.openConnections).toBe(0);
  });

  it('keeps even a reset to itself while half open', async () => {
    await using link = await startLink({ targetPort });
    const socket = await open(link.port);
    await ask(socket, 'x');
    const [other] = [...sockets];
    const otherClosed = closed(other as Socket);
    link.halfOpen();
    socket.resetAndDestroy();
    await closed(socket);
    // Another connection is taken and gone by now: the reset has come to the link, and went no further.
    const later = await open(link.port);
    later.destroy();
    await closed(later);
    expect(other?.destroyed).toBe(false);
    link.mend();
    await otherClosed;
  });

  it('lets go of a connection that is cut while its last words are on their way', async () => {
    await using link = await startLink({ targetPort });
    const socket = await open(link.port);
    await expect.poll(() => sockets.size).toBe(1);
    // Nobody reads there: the words stay on their way.
    for (const other of sockets) other.pause();
    const end = once(socket, 'end').catch(() => undefined);
    socket.end(Buffer.alloc(6 * 1024 * 1024));
    await expect.poll(() => link.counts().bytesToServer).toBeGreaterThan(0);
    link.cut();
    await expect.poll(() => link.openConnections).toBe(0);
    await end;
  });

  it('says nothing while half open, and hands over what was held back when mended', async () => {
    await using link = await startLink({ targetPort });
    const socket = await open(link.port);
    await ask(socket, 'x');
    link.halfOpen();
    const answer = once(socket, 'data');
    socket.write('held');
    const other = await open(link.port);
    other.write('also held');
    expect(link.counts().bytesToServer).toBe(1);
    link.mend();
    expect(String((await answer)[0])).toBe('held');
  });

  it('passes an orderly end on, with what came before it', async () => {
    await using link = await startLink({ targetPort, delayMs: 5 });
    const socket = await open(link.port);
    let received = '';
    socket.on('data', (chunk) => (received += String(chunk)));
    socket.end('last words');
    await once(socket, 'end');
    expect(received).toBe('last words');
  });
});
