import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { createByteQueue } from './byte-queue.ts';
import type { Bytes } from './host.ts';

/** One output stream of a child process. */
export interface LocalOutput {
  readonly bytes: Bytes;
  /**
   * After the process has exited: fetches what it left in the pipe, and resolves when all of it is there. Does not wait for
   * processes that it left behind and that hold the pipe open.
   */
  finish(): Promise<void>;
  /** Ends what the reader sees, after what was fetched, or with an error at once. */
  end(error?: unknown): void;
}

// A pipe holds far less; this bounds what a left-over process that writes without end can make us hold.
const maxLeftBytes = 4 * 1024 * 1024;

// Turns of the event loop, each with a look at the pipe, that bring nothing: the first may only restart the reading.
const quietTurns = 3;

/** Reads an output stream of a child with back-pressure. */
export function readLocalOutput(source: Readable): LocalOutput {
  const queue = createByteQueue({
    onFull: () => {
      if (!isFinishing) source.pause();
    },
    onDrain: () => source.resume(),
  });
  let isFinishing = false;
  let isClosed = false;
  let received = 0;
  source.on('data', (chunk: Buffer) => {
    received += chunk.byteLength;
    queue.push(chunk);
  });
  source.once('close', () => {
    isClosed = true;
  });
  // Read errors of a pipe end it, as its close tells.
  source.on('error', () => undefined);

  return {
    bytes: queue.bytes,
    finish: async () => {
      isFinishing = true;
      source.resume();
      const atExit = received;
      for (let quiet = 0; quiet < quietTurns && !isClosed && received - atExit < maxLeftBytes; quiet += 1) {
        const before = received;
        await nextTurn();
        if (received > before) quiet = -1;
      }
      source.destroy();
    },
    end: (error) => (error === undefined ? queue.end() : queue.fail(error)),
  };
}
