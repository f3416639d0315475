import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { connectSocket } from './read-in-place.ts';

let server: Server | undefined;
afterEach(() => server?.close());

async function serve(talk: (socket: Socket) => void): Promise<number> {
  server = createServer(talk).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('connectSocket', () => {
  it('loses nothing that comes before somebody listens, and gives listeners buffers that they may keep', async () => {
    const sent = randomBytes(3_000_000);
    const { socket } = connectSocket('127.0.0.1', await serve((peer) => peer.end(sent)));
    await once(socket, 'readable');
    const kept: Buffer[] = [];
    for await (const chunk of socket) kept.push(chunk as Buffer);
    expect(digest(Buffer.concat(kept))).toBe(digest(sent));
  });

  it('reads into one buffer from when that is wanted, in order, until it is not', async () => {
    const sent = randomBytes(8_000_000);
    const { socket, readInPlace } = connectSocket('127.0.0.1', await serve((peer) => peer.end(sent)));
    const hash = createHash('sha256');
    const memory = new Set<ArrayBufferLike>();
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      bytes += chunk.byteLength;
      if (bytes < 2_000_000) return;
      if (bytes < 6_000_000) {
        readInPlace?.(true);
        if (bytes > 3_000_000) memory.add(chunk.buffer);
      } else readInPlace?.(false);
    });
    await once(socket, 'end');
    expect(bytes).toBe(sent.byteLength);
    expect(hash.digest('hex')).toBe(digest(sent));
    expect(memory.size).toBe(1);
  });

  it('waits for a reader that has paused', async () => {
    const sent = randomBytes(1_000_000);
    const { socket, readInPlace } = connectSocket('127.0.0.1', await serve((peer) => peer.end(sent)));
    readInPlace?.(true);
    const kept: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      kept.push(Buffer.from(chunk));
      socket.pause();
      setImmediate(() => socket.resume());
    });
    await once(socket, 'end');
    expect(digest(Buffer.concat(kept))).toBe(digest(sent));
  });
});
