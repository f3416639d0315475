import type { Bytes } from './host.ts';

/** Reads a standard error to its end and keeps the last 4 KiB. Never rejects. */
export async function collectTail(bytes: Bytes): Promise<Buffer> {
  let tail: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of bytes) tail = Buffer.concat([tail, chunk]).subarray(-4096);
  } catch {
    // The same reason fails stdout and `exited`: it is told there.
  }
  return tail;
}
