import { Readable } from 'node:stream';

import type { Bytes } from './host.ts';

/**
 * Refuses what is no stream of bytes, as a `TypeError`. From here on, a stream of Node that fails before anybody reads it
 * (`createReadStream` of a file that is missing) tells whoever reads it, instead of ending this program.
 */
export function checkBytes(source: unknown, name: string, orElse = ''): asserts source is Bytes {
  if (typeof source !== 'object' || source === null || !(Symbol.asyncIterator in source)) {
    throw new TypeError(`${name} must be ${orElse}an AsyncIterable of Uint8Array`);
  }
  if (source instanceof Readable) source.on('error', () => undefined);
}
