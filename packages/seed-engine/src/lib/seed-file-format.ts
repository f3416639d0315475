import { createHash } from 'node:crypto';

import type { Bytes } from '@optio-ts/host-core';

import { SeedEngineError } from './errors.ts';
import { readFields, type FieldReader } from './field-reader.ts';

// A seed as a file: a line that says what it is, a line of JSON that says what the seed is, the sealed archive, and 32
// bytes of SHA-256 over all before them.

const magic = 'optio seed file 1\n';
const magicPattern = /^optio seed file (\d{1,9})$/;
const maxHeaderBytes = 65_536;
const digestBytes = 32;

/** What a seed file says beside its content. */
export interface SeedFileHeader {
  readonly agent?: string;
  readonly createdAt: Date;
  readonly manifestVersion: number;
  /** The cipher that the content is sealed with. Absent: as the original sealed it. */
  readonly cipher?: string;
  readonly model?: string;
  readonly label?: string;
  readonly agentVersion?: string;
  readonly expiresAt?: Date;
  readonly isExclusive?: boolean;
}

/** A seed file that is being read. */
export interface OpenedSeedFile {
  readonly header: SeedFileHeader;
  /** Throws `SEED_FILE_CORRUPT` at its end unless the whole file is as it was written: nothing is to be believed before. */
  readonly content: Bytes;
  /** Closes the file when nobody has begun to read the content. */
  readonly close: () => Promise<void>;
}

/**
 * Writes a seed file.
 *
 * @yields its bytes
 */
export async function* encodeSeedFile(header: SeedFileHeader, content: Bytes): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const head = Buffer.from(`${magic}${JSON.stringify(header)}\n`);
  if (head.length > maxHeaderBytes) throw new TypeError('What is said of this seed is too long for a file');
  hash.update(head);
  yield head;
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
  yield hash.digest();
}

/** Reads the head of a seed file. Throws `SEED_FILE_CORRUPT`, and `SEED_VERSION_UNKNOWN` for one of a version to come. */
export async function decodeSeedFile(file: Bytes): Promise<OpenedSeedFile> {
  const iterator = file[Symbol.asyncIterator]();
  try {
    return await readHead(iterator);
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
}

async function readHead(iterator: AsyncIterator<Uint8Array>): Promise<OpenedSeedFile> {
  let head: Buffer = Buffer.alloc(0);
  let end = -1;
  while (end === -1) {
    const { value, done } = await iterator.next();
    if (done !== true) head = Buffer.concat([head, value]);
    const first = head.indexOf('\n');
    if (first !== -1) checkMagic(head.subarray(0, first).toString('latin1'));
    end = first === -1 ? -1 : head.indexOf('\n', first + 1);
    if (end === -1 && (done === true || head.length > maxHeaderBytes)) throw corrupt('it is no seed file');
  }
  const header = readHeader(head.subarray(head.indexOf('\n') + 1, end).toString('utf8'));
  let isBegun = false;
  async function* content(): AsyncGenerator<Uint8Array> {
    isBegun = true;
    yield* readContent(head.subarray(0, end + 1), head.subarray(end + 1), iterator);
  }
  return {
    header,
    content: content(),
    async close() {
      if (!isBegun) await iterator.return?.();
    },
  };
}

async function* readContent(
  head: Uint8Array,
  start: Uint8Array,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256').update(head);
  let isAtEnd = false;
  try {
    // The digest is what comes last, so that much is held back.
    let held = Buffer.from(start);
    for (;;) {
      const ready = held.subarray(0, Math.max(0, held.length - digestBytes));
      if (ready.length > 0) {
        hash.update(ready);
        yield Uint8Array.from(ready);
        held = held.subarray(ready.length);
      }
      const { value, done } = await iterator.next();
      if (done === true) break;
      held = Buffer.concat([held, value]);
    }
    isAtEnd = true;
    if (held.length < digestBytes || !hash.digest().equals(held)) throw corrupt('it was changed or cut short');
  } finally {
    if (!isAtEnd) await iterator.return?.();
  }
}

function checkMagic(line: string): void {
  const version = magicPattern.exec(line)?.[1];
  if (version === undefined) throw corrupt('it is no seed file');
  if (version !== '1') {
    throw new SeedEngineError(
      'SEED_VERSION_UNKNOWN',
      `This seed file has version ${version}, and 1 is known here: update @optio-ts/seed-engine`,
    );
  }
}

function readHeader(text: string): SeedFileHeader {
  let fields: FieldReader;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('it is no object');
    fields = readFields(value as Record<string, string>, 'SEED_FILE_CORRUPT', 'The head of this seed file');
  } catch (cause) {
    throw corrupt('its head is not JSON', cause);
  }
  const texts = (['agent', 'cipher', 'model', 'label', 'agentVersion'] as const).map((field) => {
    const value = fields.optionalText(field);
    return value === undefined ? {} : { [field]: value };
  });
  const isExclusive = fields.optionalFlag('isExclusive');
  const expiresAt = fields.optionalText('expiresAt');
  return {
    ...Object.assign({}, ...texts),
    createdAt: readDate(fields.text('createdAt')),
    manifestVersion: fields.number('manifestVersion'),
    ...(expiresAt === undefined ? {} : { expiresAt: readDate(expiresAt) }),
    ...(isExclusive === undefined ? {} : { isExclusive }),
  };
}

function readDate(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw corrupt(`${JSON.stringify(text.slice(0, 40))} in its head is no date`);
  return date;
}

function corrupt(why: string, cause?: unknown): SeedEngineError {
  return new SeedEngineError(
    'SEED_FILE_CORRUPT',
    `Cannot read this seed file: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}
