import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Bytes that one reading takes at most. Node's own 64 KiB cut most packets of a large file in two, and ssh2 puts them together. */
const readBytes = 512 * 1024;

/** A way to a server. */
export interface Way {
  readonly socket: Duplex;
  /**
   * Whether listeners of `data` get a part of one buffer that is used again and again, theirs until they return, instead of a
   * buffer of their own. Only where it is the way's own socket.
   */
  readonly readInPlace?: (isWanted: boolean) => void;
}

/**
 * Connects over TCP. New buffers for all that arrives are what a large file's time would go to: V8 collects its garbage anew
 * for every few of them.
 */
export function connectSocket(host: string, port: number): Way & { readonly socket: Socket } {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  let isInPlace = false;
  const socket: Socket = connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer,
      callback: (length) => {
        const bytes = buffer.subarray(0, length);
        if (isInPlace && socket.readableFlowing === true && socket.readableLength === 0) socket.emit('data', bytes);
        else socket.push(Buffer.from(bytes));
        return true;
      },
    },
  });
  return {
    socket,
    readInPlace: (isWanted) => {
      isInPlace = isWanted;
    },
  };
}
