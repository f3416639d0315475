import { unitBytes, unitsPerBlock } from './far-host.ts';

/** One command that reads parts of a file on request. */
export interface BlockSource {
  /** Asks for so many units of `unitBytes`, after passing over some from where it stands. */
  request(skipUnits: number, units: number): void;
  /** What was asked for, in the same order. Throws unless there are that many bytes. */
  part(bytes: number): AsyncGenerator<Uint8Array, void, void>;
}

/** Options of `readBlocks`. */
export interface ReadBlocksOptions {
  readonly sizeBytes: number;
  /** Sources in all. */
  readonly channels: number;
}

/** Blocks that a source is asked for before the first of them is read: more than comes in one round trip. */
const requestedAhead = 3;

/**
 * Reads a file in order out of blocks from several sources. It begins with the first one; the others join when they are there,
 * and those that cannot be had are done without. A source that is ahead waits, as its output is not read.
 *
 * @yields the file's content
 */
export async function* readBlocks(
  first: BlockSource,
  openNext: (abortSignal: AbortSignal) => Promise<BlockSource | undefined>,
  { sizeBytes, channels }: ReadBlocksOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const units = Math.ceil(sizeBytes / unitBytes);
  const asked: { readonly source: BlockSource; readonly bytes: number }[] = [];
  const positions = new Map<BlockSource, number>();
  const opening = new AbortController();
  let nextUnit = 0;
  const ask = (source: BlockSource): void => {
    if (nextUnit >= units) return;
    const count = Math.min(unitsPerBlock, units - nextUnit);
    source.request(nextUnit - (positions.get(source) ?? 0), count);
    asked.push({ source, bytes: Math.min(count * unitBytes, sizeBytes - nextUnit * unitBytes) });
    nextUnit += count;
    positions.set(source, nextUnit);
  };
  const askAhead = (source: BlockSource): void => {
    for (let count = 0; count < requestedAhead; count += 1) ask(source);
  };
  const joining = Array.from({ length: channels - 1 }, async () => {
    const source = await openNext(opening.signal);
    if (source !== undefined) askAhead(source);
  });
  askAhead(first);
  try {
    for (let block = asked.shift(); block !== undefined; block = asked.shift()) {
      yield* block.source.part(block.bytes);
      ask(block.source);
      if (nextUnit >= units) opening.abort();
    }
  } finally {
    opening.abort();
    await Promise.all(joining);
  }
}
