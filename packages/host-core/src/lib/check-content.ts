import { createHash } from 'node:crypto';

import { checkBytes } from './check-bytes.ts';
import { readDigest } from './digest.ts';
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
 * Passes a content on and checks it on the way. What can never be right is a `TypeError` at once. Iterating throws
 * `DIGEST_MISMATCH` at the end of the content, or as soon as there is more than announced.
 */
export function checkContent(content: Bytes, expected: ExpectedContent, name: string): Bytes {
  checkBytes(content, 'content');
  const sha256 = readDigest(expected.sha256, 'sha256');
  const sha512 = readDigest(expected.sha512, 'sha512');
  return passOn(content, { ...expected, sha256, sha512 }, name);
}

/**
 * The digests are in hex.
 *
 * @yields the same chunks
 */
async function* passOn(
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
  if (expected.sha256 !== undefined && sha256.digest('hex') !== expected.sha256) throw refuse('announced SHA-256');
  if (expected.sha512 !== undefined && sha512.digest('hex') !== expected.sha512) throw refuse('announced SHA-512');
}
