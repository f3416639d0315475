import { createHash } from 'node:crypto';

import { HostError } from './errors.ts';
import type { Bytes } from './host.ts';

/** What is known of a content before it is read. */
export interface ExpectedContent {
  /** @default any size */
  readonly sizeBytes?: number | undefined;
  /** Hex digest. @default not checked */
  readonly sha256?: string | undefined;
  /** Digest in hex or, as npm writes it, base64. @default not checked */
  readonly sha512?: string | undefined;
  /** Called with the bytes read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * Passes a content on and checks it on the way. Throws `DIGEST_MISMATCH` at its end, or as soon as there is more than announced.
 *
 * @yields the same chunks
 */
export async function* checkContent(
  content: Bytes,
  expected: ExpectedContent,
  name: string,
): AsyncGenerator<Uint8Array, void, void> {
  const sha256 = createHash('sha256');
  const sha512 = createHash('sha512');
  let size = 0;
  for await (const chunk of content) {
    size += chunk.byteLength;
    if (expected.sizeBytes !== undefined && size > expected.sizeBytes) break;
    if (expected.sha256 !== undefined) sha256.update(chunk);
    if (expected.sha512 !== undefined) sha512.update(chunk);
    yield chunk;
    expected.onProgress?.(size);
  }
  const refuse = (what: string): HostError => new HostError('DIGEST_MISMATCH', `${name} does not have its ${what}`);
  if (expected.sizeBytes !== undefined && size !== expected.sizeBytes)
    throw refuse(`announced size of ${expected.sizeBytes} bytes`);
  if (expected.sha256 !== undefined && sha256.digest('hex') !== expected.sha256.toLowerCase())
    throw refuse('announced SHA-256');
  if (expected.sha512 !== undefined) {
    const digest = sha512.digest();
    if (digest.toString('hex') !== expected.sha512.toLowerCase() && digest.toString('base64') !== expected.sha512) {
      throw refuse('announced SHA-512');
    }
  }
}
