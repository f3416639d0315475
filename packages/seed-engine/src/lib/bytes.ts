import { createHash } from 'node:crypto';

import type { Bytes } from '@optio-ts/host-core';

import { SeedEngineError } from './errors.ts';

/**
 * Cuts and joins a stream into chunks. `takeSpare` is asked for memory of a chunk that nobody needs any more: what is
 * thrown away instead, the garbage collector lets grow to many chunks before it looks.
 *
 * @yields chunks of exactly `chunkBytes`, but for the last; every one a buffer of its own
 */
export async function* inChunks(
  content: Bytes,
  chunkBytes: number,
  takeSpare: () => Uint8Array<ArrayBuffer> | undefined = () => undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const next = (): Uint8Array<ArrayBuffer> => {
    const spare = takeSpare();
    return spare?.length === chunkBytes ? spare : new Uint8Array(chunkBytes);
  };
  let buffer = next();
  let used = 0;
  for await (const piece of content) {
    let offset = 0;
    while (offset < piece.length) {
      const take = Math.min(chunkBytes - used, piece.length - offset);
      buffer.set(piece.subarray(offset, offset + take), used);
      used += take;
      offset += take;
      if (used === chunkBytes) {
        yield buffer;
        buffer = next();
        used = 0;
      }
    }
  }
  if (used > 0) yield buffer.slice(0, used);
}

/** The start of a stream, and what follows it. */
export interface Head {
  readonly head: Buffer;
  readonly rest: Bytes;
  /** `false`: the stream ended before, and `head` is all of it. */
  readonly isWhole: boolean;
}

/**
 * Reads the start of a stream, as long as `lengthOf` says once it has seen enough. Should it throw, or nobody read the
 * rest, the stream is the caller's to close.
 */
export async function takeHead(content: Bytes, lengthOf: (start: Buffer) => number | undefined): Promise<Head> {
  const iterator = content[Symbol.asyncIterator]();
  const rest = { [Symbol.asyncIterator]: () => iterator };
  let start = Buffer.alloc(0);
  for (;;) {
    const length = lengthOf(start);
    if (length !== undefined && length <= start.length) {
      return { head: start.subarray(0, length), rest: followedBy(start.subarray(length), rest), isWhole: true };
    }
    const next = await iterator.next();
    if (next.done === true) return { head: start, rest, isWhole: false };
    start = Buffer.concat([start, next.value]);
  }
}

async function* followedBy(first: Uint8Array, rest: Bytes): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  yield* rest;
}

/**
 * The same stream, ended by `abortSignal` with `ABORTED` even while its source keeps silent. The source is told to
 * stop, but not waited for: it may be the thing that hangs.
 *
 * @yields the pieces of `content` as they are
 */
export async function* abortable(content: Bytes, abortSignal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  if (abortSignal === undefined) {
    yield* content;
    return;
  }
  if (abortSignal.aborted) throw abortError(abortSignal);
  // Each step waits on a promise of its own: one promise raced against all of them would keep every chunk alive.
  let rejectStep: ((error: Error) => void) | undefined;
  const onAbort = (): void => rejectStep?.(abortError(abortSignal));
  abortSignal.addEventListener('abort', onAbort, { once: true });
  const iterator = content[Symbol.asyncIterator]();
  const step = (): Promise<IteratorResult<Uint8Array>> => {
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Uint8Array>>();
    rejectStep = reject;
    if (abortSignal.aborted) reject(abortError(abortSignal));
    else iterator.next().then(resolve, reject);
    return promise;
  };
  let isEnded = false;
  try {
    for (;;) {
      const result = await step();
      if (result.done === true) {
        isEnded = true;
        return;
      }
      yield result.value;
    }
  } catch (error) {
    isEnded = !abortSignal.aborted;
    throw error;
  } finally {
    abortSignal.removeEventListener('abort', onAbort);
    if (!isEnded) {
      const closing = iterator.return?.();
      // What a source says while it is made to stop is not what the caller asked about.
      if (abortSignal.aborted) closing?.catch(() => {});
      else await closing;
    }
  }
}

/** The error of an operation that was told to stop. */
export function abortError(abortSignal: AbortSignal): SeedEngineError {
  return new SeedEngineError('ABORTED', 'The operation was aborted', { cause: abortSignal.reason });
}

/** Counts and hashes what passes. */
export interface Meter {
  readonly sizeBytes: number;
  /** Hex SHA-256 of all that passed; ends the metering. */
  digest(): string;
  update(chunk: Uint8Array): void;
}

/** Makes a meter at zero. */
export function createMeter(): Meter {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    digest: () => hash.digest('hex'),
    update(chunk) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    },
  };
}

/** Reads a stream that is known to be small. Throws what `onLimit` makes when it is not. */
export async function collect(content: Bytes, maxBytes: number, onLimit: () => Error): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of content) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw onLimit();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, sizeBytes);
}

/**
 * One buffer as a stream.
 *
 * @yields the buffer, unless it is empty
 */
export async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  if (content.length > 0) yield content;
}
