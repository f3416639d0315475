import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, type CipherChaCha20Poly1305Types } from 'node:crypto';

import type { Bytes } from '@optio-ts/host-core';

import type { AgeHeader } from './age-header.ts';
import { inChunks, takeHead } from './bytes.ts';

// The payload of age-encryption.org/v1: a nonce, then pieces of 64 KiB, each sealed on its own. Done with OpenSSL's
// ChaCha20-Poly1305, four to six times as fast as the one in JavaScript that `age-encryption` brings.

const algorithm: CipherChaCha20Poly1305Types = 'chacha20-poly1305';
const nonceBytes = 16;
const pieceBytes = 65_536;
const tagBytes = 16;
const emptyPiece = new Uint8Array(0);

/**
 * Seals a stream under the file key of a header.
 *
 * @yields an age file, from the moment that there is something to seal
 */
export async function* sealPayload({ header, fileKey }: AgeHeader, plain: Bytes): AsyncGenerator<Uint8Array> {
  const nonce = randomBytes(nonceBytes);
  const key = payloadKey(fileKey, nonce);
  let spare: Uint8Array<ArrayBuffer> | undefined;
  for await (const { piece, index, isLast } of numbered(inChunks(plain, pieceBytes, () => spare))) {
    const cipher = createCipheriv(algorithm, key, pieceNonce(index, isLast), { authTagLength: tagBytes });
    const sealed = cipher.update(piece);
    cipher.final();
    spare = piece;
    if (index === 0) yield Buffer.concat([header, nonce]);
    if (sealed.length > 0) yield sealed;
    yield cipher.getAuthTag();
  }
}

/**
 * Opens what follows the header in an age file. Throws when any of it was changed, cut off or added.
 *
 * @yields pieces, each checked before it is handed out
 */
export async function* openPayload(fileKey: Uint8Array, sealed: Bytes): AsyncGenerator<Uint8Array> {
  const { head, rest, isWhole } = await takeHead(sealed, () => nonceBytes);
  if (!isWhole) throw new Error('it ends behind its age header');
  const key = payloadKey(fileKey, head);
  let spare: Uint8Array<ArrayBuffer> | undefined;
  for await (const { piece, index, isLast } of numbered(inChunks(rest, pieceBytes + tagBytes, () => spare))) {
    const text = piece.subarray(0, Math.max(0, piece.length - tagBytes));
    // An empty piece ends an empty payload only: it would be another way to write the same bytes.
    if (piece.length < tagBytes || (text.length === 0 && index > 0)) throw changed();
    const cipher = createDecipheriv(algorithm, key, pieceNonce(index, isLast), { authTagLength: tagBytes });
    cipher.setAuthTag(piece.subarray(text.length));
    const opened = cipher.update(text);
    try {
      cipher.final();
    } catch (cause) {
      throw changed(cause);
    }
    spare = piece;
    if (opened.length > 0) yield opened;
  }
}

function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** Eleven bytes that count, and one that marks the last piece. */
function pieceNonce(index: number, isLast: boolean): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

interface NumberedPiece {
  readonly piece: Uint8Array<ArrayBuffer>;
  readonly index: number;
  readonly isLast: boolean;
}

/**
 * Looks one piece ahead, to know the last.
 *
 * @yields the pieces; of nothing, one empty piece
 */
async function* numbered(pieces: AsyncIterable<Uint8Array<ArrayBuffer>>): AsyncGenerator<NumberedPiece> {
  let held: Uint8Array<ArrayBuffer> | undefined;
  let index = 0;
  for await (const piece of pieces) {
    if (held !== undefined) {
      yield { piece: held, index, isLast: false };
      index += 1;
    }
    held = piece;
  }
  yield { piece: held ?? emptyPiece, index, isLast: true };
}

function changed(cause?: unknown): Error {
  return new Error('it was changed or cut short', cause === undefined ? undefined : { cause });
}
