import type { Bytes } from '@optio-ts/host-core';

import { OpencodeInstallError } from './errors.ts';

/** Reads something small whole. More than `maxBytes` is a `PACKAGE_INVALID`. */
export async function readBounded(content: Bytes, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of content) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) {
      throw new OpencodeInstallError('PACKAGE_INVALID', `${what} is longer than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
