import type { Bytes } from '@optio-ts/host-core';

/** Reads a short output whole, as text without white space at its ends; what is beyond 64 KiB is dropped. */
export async function collectBytes(bytes: Bytes): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    if (size < 65_536) chunks.push(chunk);
    size += chunk.byteLength;
  }
  return Buffer.concat(chunks).toString('utf8').trim();
}
