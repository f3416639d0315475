import type { Bytes } from '@optio-ts/host-core';

const magic = Buffer.from('age-encryption.org/v1\n');
const end = Buffer.from('\n--- ');
// A header names each recipient in about 100 bytes; a post-quantum one in about 1600.
const maxHeaderBytes = 262_144;

/**
 * The same stream, after a look at its first bytes: what does not start as age does is refused, and so is a header
 * without an end, which the parser would otherwise gather in memory.
 *
 * @yields the same bytes, the header in one piece
 */
export async function* readAgeHeader(sealed: Bytes): AsyncGenerator<Uint8Array> {
  let start = Buffer.alloc(0);
  let isComplete = false;
  for await (const chunk of sealed) {
    if (isComplete) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    const seen = Math.min(start.length, magic.length);
    if (!start.subarray(0, seen).equals(magic.subarray(0, seen))) {
      throw new Error('it is not encrypted with age');
    }
    const headerEnd = start.indexOf(end);
    if (headerEnd !== -1 && start.includes('\n', headerEnd + end.length)) {
      isComplete = true;
      yield start;
    } else if (start.length > maxHeaderBytes) {
      throw new Error('its age header is too long');
    }
  }
  if (!isComplete) throw new Error('it ends inside its age header');
}
