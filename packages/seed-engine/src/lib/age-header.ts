import type { Bytes } from '@optio-ts/host-core';
import { Encrypter } from 'age-encryption';

import { takeHead } from './bytes.ts';

const magic = Buffer.from('age-encryption.org/v1\n');
const end = Buffer.from('\n--- ');
// A header names each recipient in about 100 bytes; a post-quantum one in about 1600.
const maxHeaderBytes = 262_144;

/** A header, and the key of the file that it gives to its recipients. */
export interface AgeHeader {
  readonly header: Uint8Array;
  readonly fileKey: Uint8Array;
}

/** Makes the header of a new file. */
export async function makeAgeHeader(recipients: readonly string[]): Promise<AgeHeader> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  let fileKey: Uint8Array | undefined;
  // The library hands the key to every recipient; this one needs no line in the header.
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = key.slice();
      return [];
    },
  });
  // The header of an empty file, whose payload is a nonce and a tag of 16 bytes each. That nonce is not used again.
  const header = (await encrypter.encrypt(new Uint8Array(0))).slice(0, -32);
  if (fileKey === undefined || header.at(-1) !== newline) throw new Error('age-encryption made no header');
  return { header, fileKey };
}

/**
 * Splits an age file. What does not start as age does is refused, and so is a header without an end, which would
 * otherwise be gathered in memory.
 */
export async function splitAgeFile(sealed: Bytes): Promise<{ readonly header: Uint8Array; readonly payload: Bytes }> {
  const { head, rest, isWhole } = await takeHead(sealed, headerLength);
  if (!isWhole) throw new Error('it ends inside its age header');
  return { header: head, payload: rest };
}

const newline = 0x0a;

function headerLength(start: Buffer): number | undefined {
  const seen = Math.min(start.length, magic.length);
  if (!start.subarray(0, seen).equals(magic.subarray(0, seen))) {
    throw new Error('it is not encrypted with age');
  }
  const headerEnd = start.indexOf(end);
  const lineEnd = headerEnd === -1 ? -1 : start.indexOf(newline, headerEnd + end.length);
  if (lineEnd !== -1) return lineEnd + 1;
  if (start.length > maxHeaderBytes) throw new Error('its age header is too long');
  return undefined;
}
