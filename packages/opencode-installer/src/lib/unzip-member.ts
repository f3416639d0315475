import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';

import type { Bytes } from '@optio-ts/host-core';
import { openPromise } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';

import { createDigestCheck } from './digests.ts';
import { OpencodeInstallError } from './errors.ts';
import { defaultMaxBytes } from './unpack-member.ts';
import type { UnpackedMember, UnpackMemberOptions } from './unpack-member.ts';

/**
 * Reads one regular file out of a zip. Its table of contents is at its end, so the archive is first written to a temporary
 * file of this machine, and its digest checked there: nothing of an archive that is not the right one is ever parsed. The
 * file is removed when `content` has ended, or by `close`.
 */
export async function unzipMember(archive: Bytes, options: UnpackMemberOptions): Promise<UnpackedMember> {
  const { digests, maxBytes = defaultMaxBytes, members, what } = options;
  const directory = await mkdtemp(join(tmpdir(), 'optio-zip-'));
  let zip: ZipFile | undefined;
  const close = async (): Promise<void> => {
    zip?.close();
    zip = undefined;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const path = join(directory, 'archive');
    const check = createDigestCheck(what, digests);
    await pipeline(async function* hashed() {
      let size = 0;
      for await (const chunk of archive) {
        check.update(chunk);
        size += chunk.byteLength;
        if (size > maxBytes) throw invalid(`${what} is longer than ${maxBytes} bytes`);
        yield chunk;
      }
    }, createWriteStream(path));
    check.verify();
    const readable = await openPromise(path, { autoClose: false, strictFileNames: true }).catch(unreadable(what));
    zip = readable;
    const entry = await findEntry(readable, members).catch(unreadable(what));
    if (entry === undefined) throw invalid(`${what} has no file ${members.join(' or ')}`);
    if (entry.uncompressedSize > maxBytes) throw invalid(`${what} unpacks to more than ${maxBytes} bytes`);
    return {
      sizeBytes: entry.uncompressedSize,
      close,
      content: (async function* content() {
        try {
          const stream = await readable.openReadStreamPromise(entry);
          let checksum = 0;
          for await (const chunk of stream as AsyncIterable<Buffer>) {
            checksum = crc32(chunk, checksum);
            yield chunk;
          }
          // The library leaves this to its users, and an archive without a digest has nothing else.
          if (checksum !== entry.crc32) throw new Error(`${entry.fileName} is damaged`);
        } catch (error) {
          unreadable(what)(error);
        } finally {
          await close();
        }
      })(),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function findEntry(zip: ZipFile, members: readonly string[]): Promise<Entry | undefined> {
  for await (const entry of zip.eachEntry()) if (members.includes(entry.fileName)) return entry;
  return undefined;
}

function unreadable(what: string): (error: unknown) => never {
  return (error) => {
    throw OpencodeInstallError.is(error)
      ? error
      : new OpencodeInstallError('PACKAGE_INVALID', `${what} is not a readable package`, { cause: error });
  };
}

function invalid(message: string): OpencodeInstallError {
  return new OpencodeInstallError('PACKAGE_INVALID', message);
}
