import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

import type { Bytes } from '@optio-ts/host-core';

/** What a hook copies to the host. */
export type CopySource =
  /** The content itself. */
  | Uint8Array
  /** The content as it comes. */
  | Bytes
  /** A file of this machine. */
  | { readonly localPath: string };

/** Refuses what is none of these, with a `TypeError`. */
export function checkSource(source: CopySource): void {
  const isObject = typeof source === 'object' && source !== null;
  if (isObject && (source instanceof Uint8Array || 'localPath' in source || Symbol.asyncIterator in source)) return;
  // A text may be meant as content or as a path.
  throw new TypeError(
    'copy takes bytes, a stream of bytes, or { localPath }: make bytes of a text with Buffer.from(text)',
  );
}

/** Whether it can be read a second time. */
export function isRepeatable(source: CopySource): boolean {
  return source instanceof Uint8Array || 'localPath' in source;
}

/** Opens a source for its content. */
export function openSource(source: CopySource): Uint8Array | Bytes {
  return 'localPath' in source ? readLocal(source.localPath) : source;
}

/**
 * Opens the file when its first byte is asked for: one that is missing fails there, where it is heard, and none stays open when the
 * host does not get so far.
 *
 * @yields its bytes
 */
async function* readLocal(path: string): Bytes {
  for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
}

/** The hex SHA-256 of a source that can be read twice; a `TypeError` for a stream. */
export async function hashSource(source: CopySource): Promise<string> {
  const hash = createHash('sha256');
  if (source instanceof Uint8Array) return hash.update(source).digest('hex');
  if (!('localPath' in source))
    throw new TypeError('copy with skipIfUnchanged needs sha256 when the source is a stream');
  for await (const chunk of readLocal(source.localPath)) hash.update(chunk);
  return hash.digest('hex');
}
