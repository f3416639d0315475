import { channelsPerFile, openHelper, unitBytes, unitsPerBlock } from './far-host.ts';
import type { Bytes } from './host.ts';
import type { PushChannel } from './push-channel.ts';

/** Sends a content over one channel, behind what that was sent already. */
export async function sendAll(channel: PushChannel, content: Bytes): Promise<void> {
  const watch = createWatch([channel]);
  for await (const chunk of watch.guard(content)) {
    channel.orders.push(chunk);
    await channel.drained();
  }
}

/** Gives each block of the file to a channel that has nothing to do. Resolves when those that helped have written theirs. */
export async function sendBlocks(
  content: Bytes,
  first: PushChannel,
  openNext: (abortSignal: AbortSignal) => Promise<PushChannel>,
  abortSignal: AbortSignal | undefined,
): Promise<void> {
  const channels = [first];
  const watch = createWatch(channels);
  const opening = new AbortController();
  const helpers = Array.from({ length: channelsPerFile - 1 }, async () => {
    const channel = await openHelper(openNext, opening.signal, abortSignal);
    if (channel === undefined) return;
    channel.dropAnswers();
    // `aborted` all the same: opened at the very moment in which all was given away.
    if (opening.signal.aborted) channel.orders.end();
    else watch.add(channel);
    await channel.ended.catch(() => undefined);
  });
  try {
    let unit = 0;
    for await (const { sizeBytes, chunks } of cutBlocks(watch.guard(content))) {
      let free: PushChannel | undefined;
      while ((free = channels.find(({ isFull }) => !isFull)) === undefined) {
        await Promise.race(channels.map((channel) => channel.drained()));
        watch.throwIfFailed();
      }
      watch.throwIfFailed();
      // The next one to be asked is another one.
      channels.push(...channels.splice(channels.indexOf(free), 1));
      free.sendBlock(unit, sizeBytes, chunks);
      unit += unitsPerBlock;
    }
  } finally {
    opening.abort();
    for (const channel of channels) if (channel !== first) channel.orders.end();
    await Promise.all(helpers);
  }
  watch.throwIfFailed();
}

/** Several channels of which the first that fails ends the work of all. */
interface Watch {
  add(channel: PushChannel): void;
  throwIfFailed(): void;
  /** The same content, until a channel fails: then that is thrown, whatever the content is doing. */
  guard(content: Bytes): AsyncGenerator<Uint8Array, void, void>;
}

function createWatch(channels: PushChannel[]): Watch {
  let failure: { readonly error: unknown } | undefined;
  let onFailure: (error: unknown) => void = () => undefined;
  const watch = (channel: PushChannel): void =>
    void channel.ended.catch((error: unknown) => {
      failure ??= { error };
      onFailure(error);
    });
  const throwIfFailed = (): void => {
    if (failure) throw failure.error;
  };
  channels.forEach(watch);
  return {
    add(channel) {
      channels.push(channel);
      watch(channel);
    },
    throwIfFailed,
    async *guard(content) {
      const chunks = content[Symbol.asyncIterator]();
      let isAtEnd = false;
      try {
        for (;;) {
          throwIfFailed();
          const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
            onFailure = reject;
            Promise.resolve(chunks.next()).then(resolve, reject);
          });
          isAtEnd = step.done === true;
          if (step.done === true) return;
          yield step.value;
        }
      } finally {
        // Not awaited: a generator that waits for something else closes only after that.
        if (!isAtEnd) void Promise.resolve(chunks.return?.()).catch(() => undefined);
      }
    },
  };
}

interface Block {
  readonly sizeBytes: number;
  readonly chunks: readonly Uint8Array[];
}

/**
 * Cuts a stream into blocks of `unitsPerBlock` units.
 *
 * @yields each block; the last one is what is left
 */
async function* cutBlocks(content: Bytes): AsyncGenerator<Block, void, void> {
  const blockBytes = unitBytes * unitsPerBlock;
  let chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const whole of content) {
    let chunk = whole;
    while (sizeBytes + chunk.byteLength >= blockBytes) {
      const taken = blockBytes - sizeBytes;
      yield { sizeBytes: blockBytes, chunks: [...chunks, chunk.subarray(0, taken)] };
      chunk = chunk.subarray(taken);
      chunks = [];
      sizeBytes = 0;
    }
    if (chunk.byteLength === 0) continue;
    chunks.push(chunk);
    sizeBytes += chunk.byteLength;
  }
  if (sizeBytes > 0) yield { sizeBytes, chunks };
}
