import { createByteQueue } from './byte-queue.ts';
import type { ByteQueue } from './byte-queue.ts';
import { unitBytes } from './far-host.ts';
import type { Command, Host, HostProcess } from './host.ts';
import { pathError } from './path-access.ts';
import { readLines } from './read-lines.ts';
import { collectTail } from './read-tail.ts';

/** One command that writes parts of a file, see `pushScript`. */
export interface PushChannel {
  readonly orders: ByteQueue;
  /** The next line it prints; throws what ended it when there is none. */
  answer(): Promise<string>;
  /** Takes what else it prints and drops it: a command whose output nobody takes does not end. */
  dropAnswers(): void;
  /** Whether enough is on its way, so that more has to wait. */
  readonly isFull: boolean;
  /** Resolves when `isFull` is over, or the command. */
  drained(): Promise<void>;
  /** Sends a part of the file; at the end of what the channel was sent so far, or behind it. */
  sendBlock(firstUnit: number, sizeBytes: number, chunks: readonly Uint8Array[]): void;
  /** Settles at the command's end: rejects unless it ended well. */
  readonly ended: Promise<void>;
}

/** Starts the command. `what` is for its errors: `write /path`. */
export async function openPushChannel(
  host: Host,
  command: Command,
  what: string,
  abortSignal?: AbortSignal,
): Promise<PushChannel> {
  let isFull = false;
  let wake = Promise.withResolvers<void>();
  const orders = createByteQueue({
    highWaterMark: unitBytes,
    onFull: () => {
      isFull = true;
    },
    onDrain: () => {
      isFull = false;
      wake.resolve();
      wake = Promise.withResolvers();
    },
  });
  const child = await host.spawn(command, {
    cwd: '/',
    stdin: orders.bytes,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  const lines = readLines(child.stdout);
  const ended = end(host, child, what);
  // Told to whoever asks for it. Nothing that waits in the queue is taken any more.
  ended.catch(() => undefined).finally(() => orders.fail(new Error('The command has ended')));
  let position = 0;
  return {
    orders,
    async answer() {
      const line = await lines.next();
      if (line !== undefined) return line;
      await ended;
      throw pathError(host, what, { exitCode: 0, signal: undefined, stderr: Buffer.from('no answer') }, 'WRITE_FAILED');
    },
    dropAnswers: () => void lines.drain().catch(() => undefined),
    get isFull() {
      return isFull;
    },
    drained: () => (isFull ? wake.promise : Promise.resolve()),
    sendBlock(firstUnit, sizeBytes, chunks) {
      const units = Math.floor(sizeBytes / unitBytes);
      orders.push(Buffer.from(`block ${firstUnit - position} ${units} ${sizeBytes % unitBytes}\n`));
      position = firstUnit + units;
      for (const chunk of chunks) orders.push(chunk);
    },
    ended,
  };
}

async function end(host: Host, child: HostProcess, what: string): Promise<void> {
  const [exit, stderr] = await Promise.all([child.exited, collectTail(child.stderr)]);
  if (exit.exitCode !== 0) throw pathError(host, what, { ...exit, stderr }, 'WRITE_FAILED');
}
