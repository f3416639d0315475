import type { ByteQueue } from './byte-queue.ts';

/** A file of fewer bytes goes as one stream, in one round trip: to find out how far the host is would cost another one. */
export const manyChannelsBytes: number = 16 * 1024 * 1024;

/** Milliseconds there and back from which a whole file goes over several channels. */
const farMs = 30;

/** Channels for one file. Each carries what its window holds, about 2 MiB, per round trip. */
export const channelsPerFile = 4;

/** Unit in which places in a file are told to `dd`. */
export const unitBytes: number = 1024 * 1024;

/** Units that a channel is given at a time. */
export const unitsPerBlock = 2;

/** Whether a host is so far that one channel is waited for most of the time: asks a script there that answers `ping`. */
export async function isFar(orders: ByteQueue, nextAnswer: () => Promise<unknown>): Promise<boolean> {
  const start = performance.now();
  orders.push(Buffer.from('ping\n'));
  await nextAnswer();
  return performance.now() - start > farMs;
}

/**
 * Opens a channel that helps another one. It is given up at `giveUp`, but one that is open is ended by `abortSignal` alone.
 * `undefined` when it cannot be had, or not in time: then it is done without.
 */
export async function openHelper<Channel>(
  open: (abortSignal: AbortSignal) => Promise<Channel>,
  giveUp: AbortSignal,
  abortSignal: AbortSignal | undefined,
): Promise<Channel | undefined> {
  const stop = new AbortController();
  const onGiveUp = (): void => stop.abort();
  giveUp.addEventListener('abort', onGiveUp);
  if (giveUp.aborted) onGiveUp();
  try {
    return await open(abortSignal === undefined ? stop.signal : AbortSignal.any([stop.signal, abortSignal]));
  } catch {
    return undefined;
  } finally {
    giveUp.removeEventListener('abort', onGiveUp);
  }
}
