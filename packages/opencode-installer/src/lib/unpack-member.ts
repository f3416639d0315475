import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import type { Bytes } from '@optio-ts/host-core';
import { extract } from 'tar-stream';

import { OpencodeInstallError } from './errors.ts';

/** Options of `unpackMember`. */
export interface UnpackMemberOptions {
  /** For messages, for instance `opencode-linux-x64@1.18.33`. */
  readonly what: string;
  /** Path inside the archive, for instance `package/bin/opencode`. */
  readonly member: string;
  /** `sha512-…` of the whole archive. */
  readonly integrity: string;
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
}

const defaultMaxBytes = 1024 ** 3;

/**
 * Reads one regular file out of a gzip'd tar while the archive is still arriving. Nothing but one buffer is held. The caller
 * reads `content` to its end or leaves the iteration; either way the archive's source is closed.
 */
export async function unpackMember(archive: Bytes, options: UnpackMemberOptions): Promise<UnpackedMember> {
  const { integrity, maxBytes = defaultMaxBytes, member, what } = options;
  const hash = createHash('sha512');
  let isArchiveAtEnd = false;
  let sourceError: unknown;
  let unpackedBytes = 0;
  const tar = extract();

  const unpacking = pipeline(
    async function* hashed() {
      try {
        for await (const chunk of archive) {
          hash.update(chunk);
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

  const explain = (error: unknown): unknown => {
    if (sourceError !== undefined) return sourceError;
    if (OpencodeInstallError.is(error)) return error;
    // A broken archive is first of all not the one that was asked for.
    if (isArchiveAtEnd) verify();
    return new OpencodeInstallError('PACKAGE_INVALID', `${what} is not a readable npm package`, {
      cause: error,
    });
  };
  let actual: string | undefined;
  const verify = (): void => {
    actual ??= `sha512-${hash.digest('base64')}`;
    if (actual === integrity) return;
    throw new OpencodeInstallError(
      'DIGEST_MISMATCH',
      `${what} has another digest than it must have: expected ${integrity}, received ${actual}; nothing was installed`,
    );
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
      throw new OpencodeInstallError('PACKAGE_INVALID', `${what} has no file ${member}`);
    }
    if (entry.header.name !== member || entry.header.type !== 'file') {
      entry.resume();
      continue;
    }
    const sizeBytes = entry.header.size ?? 0;
    return {
      sizeBytes,
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
          tar.destroy();
          await unpacking.catch(() => undefined);
        }
        verify();
      })(),
    };
  }
}
