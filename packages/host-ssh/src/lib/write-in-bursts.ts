import type { Socket } from 'node:net';

/**
 * Sends what is written in one go as one: ssh2 writes each packet in three pieces, and with `noDelay` each would be a system
 * call and a segment of its own. Nothing waits for more to come.
 */
export function writeInBursts(socket: Socket): void {
  const write = socket.write.bind(socket) as (...call: unknown[]) => boolean;
  let isHeld = false;
  socket.write = (...call: unknown[]): boolean => {
    if (!isHeld) {
      isHeld = true;
      socket.cork();
      process.nextTick(() => {
        isHeld = false;
        socket.uncork();
      });
    }
    return write(...call);
  };
}
