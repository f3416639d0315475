import { createByteQueue } from './byte-queue.ts';
import type { ByteQueue } from './byte-queue.ts';
import { HostError } from './errors.ts';
import { channelsPerFile, isFar, manyChannelsBytes, openHelper } from './far-host.ts';
import type { Bytes, Host, HostProcess } from './host.ts';
import { createPartReader } from './part-reader.ts';
import type { PartReader } from './part-reader.ts';
import { enterScript, pathError } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { locate } from './path-info.ts';
import { readBlocks } from './read-blocks.ts';
import type { BlockSource } from './read-blocks.ts';
import { collectTail } from './read-tail.ts';
import { shellScript } from './script.ts';

/** A file that is being read. Disposing it ends the reading, whether or not it began. */
export interface OpenedFile extends AsyncDisposable {
  /** When it was opened. */
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  /** The content, once. Stop reading early and the rest is not fetched. */
  readonly content: Bytes;
}

/**
 * Opens a regular file for reading as a stream. Above 16 MiB on a far host (more than 30 ms there and back) it comes over
 * several channels at once. Throws `NOT_FOUND`, `PATH_REFUSED` and `PERMISSION_DENIED`; reading throws `READ_FAILED` when the
 * stream broke off, so that half a file never looks like a whole one. Read it or dispose it.
 */
export async function openFile(host: Host, path: string, options: PathOptions = {}): Promise<OpenedFile> {
  const command = shellScript(openScript, ...locate(path, options), String(manyChannelsBytes));
  const open = (abortSignal: AbortSignal | undefined): Promise<OpenChannel> =>
    openChannel(host, command, path, abortSignal);
  const { abortSignal } = options;
  const first = await open(abortSignal);
  const channels = [first];
  const { sizeBytes, modifiedAt, isLarge } = first.head;
  if (!isLarge) first.orders.end();

  const kill = async (): Promise<void> => {
    await Promise.all(channels.map(({ child }) => child.kill({ graceMs: 0 })));
  };
  /** Another channel to the very same file. */
  const openNext = async (giveUp: AbortSignal): Promise<BlockSource | undefined> => {
    const channel = await openHelper(open, giveUp, abortSignal);
    if (channel === undefined) return undefined;
    if (channel.head.identity !== first.head.identity || giveUp.aborted) {
      await channel.child.kill({ graceMs: 0 });
      return undefined;
    }
    channels.push(channel);
    return channel;
  };

  async function* content(): AsyncGenerator<Uint8Array, void, void> {
    let isWhole = false;
    try {
      if (!isLarge) yield* first.output.rest();
      else if (await isFar(first.orders, () => first.nextLine())) {
        yield* readBlocks(first, openNext, { sizeBytes, channels: channelsPerFile });
        for (const { orders } of channels) orders.end();
      } else {
        first.orders.push(Buffer.from('all\n'));
        first.orders.end();
        yield* first.output.rest();
      }
      await Promise.all(channels.map(async (channel) => channel.end()));
      isWhole = true;
    } finally {
      if (!isWhole) await kill();
    }
  }
  return { sizeBytes, modifiedAt, content: content(), [Symbol.asyncDispose]: kill };
}

interface OpenChannel extends BlockSource {
  readonly child: HostProcess;
  readonly orders: ByteQueue;
  readonly output: PartReader;
  readonly head: Head;
  nextLine(): Promise<string>;
  /** Resolves when the command has ended well, throws what went wrong otherwise. */
  end(): Promise<void>;
}

interface Head {
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly isLarge: boolean;
  /** All that is known of what was opened, to tell it from another file that took its name since. */
  readonly identity: string;
}

async function openChannel(
  host: Host,
  command: readonly string[],
  path: string,
  abortSignal: AbortSignal | undefined,
): Promise<OpenChannel> {
  const orders = createByteQueue();
  const child = await host.spawn(command, {
    cwd: '/',
    stdin: orders.bytes,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  const stderr = collectTail(child.stderr);
  const output = createPartReader(child.stdout);
  const broken = (): HostError =>
    new HostError('READ_FAILED', `Cannot read ${path} on ${host.description}: it ended early`);
  const end = async (): Promise<void> => {
    const exit = await child.exited;
    if (exit.exitCode !== 0) throw pathError(host, `read ${path}`, { ...exit, stderr: await stderr }, 'READ_FAILED');
  };
  const nextLine = async (): Promise<string> => {
    const line = await output.line(maxLineBytes);
    if (line !== undefined) return line;
    await end();
    throw broken();
  };
  const identity = await nextLine();
  const [, size, seconds, inode] = identity.split(' ');
  return {
    child,
    orders,
    output,
    head: {
      sizeBytes: Number(size),
      modifiedAt: new Date(Number(seconds) * 1000),
      isLarge: inode !== undefined,
      identity,
    },
    nextLine,
    end,
    request: (skipUnits, units) => orders.push(Buffer.from(`block ${skipUnits} ${units}\n`)),
    async *part(bytes) {
      let left = bytes;
      for await (const chunk of output.part(bytes)) {
        left -= chunk.byteLength;
        yield chunk;
      }
      if (left === 0) return;
      await end();
      throw broken();
    },
  };
}

const maxLineBytes = 256;

// A large file's head ends with what tells it from any other, and then orders are waited for: `ping`, `all`, or `block SKIP
// UNITS`, which passes over SKIP MiB from where it stands and prints UNITS MiB.
const openScript = `${enterScript}
enter "$1" "$3"
open_regular "$2" "$3"
if [ -e /proc/self/fd/3 ]; then file=/proc/self/fd/3; else file=./$2; fi
head=$(describe "$file" -L) || exit
size=\${head#* }
if [ "\${size% *}" -lt "$4" ]; then
  echo "$head"
  exec cat <&3
fi
inode=$(stat -L -c %d:%i -- "$file" 2>/dev/null || stat -L -f %d:%i -- "$file") || exit
echo "$head $inode"
while read -r order skip units; do
  case $order in
    ping) echo pong ;;
    all) exec cat <&3 ;;
    block) report=$(dd bs=1048576 skip="$skip" count="$units" <&3 2>&1 >&4) || { echo "$report" >&2; exit 1; } ;;
  esac
done 4>&1`;
