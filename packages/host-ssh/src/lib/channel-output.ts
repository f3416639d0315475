import type { Readable } from 'node:stream';

import { createByteQueue, type Bytes } from '@optio-ts/host-core';
import type { ClientChannel } from 'ssh2';

import { topUpBytes, topUpWindow } from './ssh2-internals.ts';

/** One output stream of a command, from the channel to its reader. */
export interface ChannelOutput {
  readonly bytes: Bytes;
  /** Bytes that came so far. */
  readonly received: number;
  /** Resolves when the channel's stream is at its end. */
  readonly ended: Promise<void>;
  /** From now on nothing waits for the reader: the command has exited, and what it left is bounded. */
  unblock(): void;
  /** Ends what the reader sees, after what came before, or with an error at once. */
  end(error?: unknown): void;
}

/** More than a packet, less than the channel's window: so the stream is not stopped and started for each packet. */
const highWaterMark = 1024 * 1024;

/**
 * Begins to read one of a channel's streams, which was paused, with back-pressure. `filter` sees each chunk first and says
 * what is output.
 */
export function readChannel(
  channel: ClientChannel,
  source: Readable,
  filter: (chunk: Uint8Array) => Uint8Array = (chunk) => chunk,
): ChannelOutput {
  let received = 0;
  let toppedUpAt = 0;
  let isUnblocked = false;
  const queue = createByteQueue({
    highWaterMark,
    onFull: () => {
      if (!isUnblocked) source.pause();
    },
    onDrain: () => source.resume(),
  });
  const ended = new Promise<void>((resolve) => source.once('end', resolve));
  source.on('data', (chunk: Buffer) => {
    received += chunk.byteLength;
    queue.push(filter(chunk));
    if (received - toppedUpAt < topUpBytes || source.isPaused()) return;
    // What came while somebody did not read has to be taken first: else each pause would let in more than is read.
    if (channel.readableLength + channel.stderr.readableLength > 0) return;
    toppedUpAt = received;
    topUpWindow(channel);
  });
  source.resume();
  return {
    bytes: queue.bytes,
    get received() {
      return received;
    },
    ended,
    unblock() {
      isUnblocked = true;
      source.resume();
    },
    end: (error) => (error === undefined ? queue.end() : queue.fail(error)),
  };
}
