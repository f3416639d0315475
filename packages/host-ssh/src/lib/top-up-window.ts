import { createRequire } from 'node:module';

import type { ClientChannel } from 'ssh2';

type TopUp = (channel: ClientChannel) => void;

/**
 * Lets the server send as much again as a channel's window holds. ssh2 does so by itself only when half of the window is used
 * up, which on a far host halves the speed of every channel whose first half was not used up to the byte: then the second
 * half of each round trip waits for the next. Does nothing where ssh2 has no such function any more.
 */
export const topUpWindow: TopUp = findTopUp();

/** Bytes after which it is worth a packet. */
export const topUpBytes: number = 256 * 1024;

function findTopUp(): TopUp {
  try {
    const internals = createRequire(import.meta.url)('ssh2/lib/Channel.js') as { readonly windowAdjust?: TopUp };
    return internals.windowAdjust ?? (() => undefined);
  } catch {
    return () => undefined;
  }
}
