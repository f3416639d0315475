import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import type { Bytes } from '@optio-ts/host-core';
import { extract } from 'tar-stream';

import { createDigestCheck } from './digests.ts';
import type { Digests } from './digests.ts';
import { OpencodeInstallError } from './errors.ts';

/** Options of `unpackMember`. */
export interface UnpackMemberOptions {
  /** For messages, for instance `opencode-linux-x64@1.18.33`. */
  readonly what: string;
  /** Paths inside the archive, for instance `package/bin/opencode`: the first file that has one of them is taken. */
  readonly members: readonly string[];
  /** Of the whole archive. */
  readonly digests: Digests;
  /** Most bytes that the unpacked archive may have. @default 1 GiB */
  readonly maxBytes?: number;
}

/** One file out of an archive, as a stream. */
export interface UnpackedMember {
  readonly sizeBytes: number;
  /**
   * The file's bytes. The digest is only known at the archive's end, so what has been read is good only when the iteration
   * has ended without an error: it ends with `DIGEST_MISMATCH`, `PACKAGE_INVALID` or the archive's own error otherwise.
   */
  readonly content: Bytes;
  /** Closes the archive's source, for who does not read. */
  close(): Promise<void>;
}

/** Most bytes that a program may have: several times what the largest has. */
export const defaultMaxBytes: number = 1024 ** 3;

/**
 * Reads one regular file out of a gzip'd tar while the archive is still arriving. Nothing but one buffer is held. The caller
 * reads `content` to its end or leaves the iteration; either way the archive's source is closed.
 */
export async function unpackMember(archive: Bytes, options: UnpackMemberOptions): Promise<UnpackedMember> {
  const { digests, maxBytes = defaultMaxBytes, members, what } = options;
  const check = createDigestCheck(what, digests);
  let isArchiveAtEnd = false;
  let sourceError: unknown;
  let unpackedBytes = 0;
  const tar = extract();

  const unpacking = pipeline(
    async function* hashed() {
      try {
        for await (const chunk of archive) {
          check.update(chunk);
          yield chunk;
        }
        isArchiveAtEnd = true;
      } catch (error) {
        sourceError = error;
        throw error;
      }
    },
    createGunzip(),
    async function* bounded(chunks: Bytes) {
      for await (const chunk of chunks) {
        unpackedBytes += chunk.byteLength;
        if (unpackedBytes > maxBytes) {
          throw new OpencodeInstallError('PACKAGE_INVALID', `${what} unpacks to more than ${maxBytes} bytes`);
        }
        yield chunk;
      }
    },
    tar,
  );
  // Looked at below, by whoever reads; until then it must not count as unhandled.
  unpacking.catch(() => undefined);

  const close = async (): Promise<void> => {
    tar.destroy();
    await unpacking.catch(() => undefined);
  };
  const explain = (error: unknown): unknown => {
    if (sourceError !== undefined) return sourceError;
    if (OpencodeInstallError.is(error)) return error;
    // A broken archive is first of all not the one that was asked for.
    if (isArchiveAtEnd) verify();
    return new OpencodeInstallError('PACKAGE_INVALID', `${what} is not a readable package`, {
      cause: error,
    });
  };
  let wasVerified = false;
  const verify = (): void => {
    if (wasVerified) return;
    wasVerified = true;
    check.verify();
  };
  const entries = tar[Symbol.asyncIterator]();
  const nextFile = async (): Promise<Awaited<ReturnType<typeof entries.next>>> => {
    try {
      return await entries.next();
    } catch (error) {
      throw explain(error);
    }
  };

  for (;;) {
    const { done, value: entry } = await nextFile();
    if (done === true) {
      await unpacking.catch((error: unknown) => {
        throw explain(error);
      });
      verify();
      throw new OpencodeInstallError('PACKAGE_INVALID', `${what} has no file ${members.join(' or ')}`);
    }
    if (!members.includes(entry.header.name.replace(/^\.\//, '')) || entry.header.type !== 'file') {
      entry.resume();
      continue;
    }
    const sizeBytes = entry.header.size ?? 0;
    return {
      sizeBytes,
      close,
      content: (async function* content() {
        try {
          for await (const chunk of entry as AsyncIterable<Buffer>) yield chunk;
          // The rest of the archive counts for the digest.
          for (let rest = await entries.next(); rest.done !== true; rest = await entries.next()) {
            rest.value.resume();
          }
          await unpacking;
        } catch (error) {
          throw explain(error);
        } finally {
          await close();
        }
        verify();
      })(),
    };
  }
}
