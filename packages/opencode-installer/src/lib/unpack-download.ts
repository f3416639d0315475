import type { Bytes } from '@optio-ts/host-core';

import { createDigestCheck } from './digests.ts';
import { OpencodeInstallError } from './errors.ts';
import { throttleBytes } from './progress.ts';
import type { ArchiveFormat, OpenDownloadOptions, OpenedProgram } from './source.ts';
import { defaultMaxBytes, unpackMember } from './unpack-member.ts';
import type { UnpackMemberOptions } from './unpack-member.ts';
import { unzipMember } from './unzip-member.ts';
import type { WebDownload } from './web-download.ts';

/** Options of `unpackDownload`. */
export interface UnpackDownloadOptions extends UnpackMemberOptions {
  readonly format: ArchiveFormat;
  readonly onBytes: OpenDownloadOptions['onBytes'];
}

/** Makes the program out of what arrives here: checks its digest, takes it out of its archive, reports how far it is. */
export async function unpackDownload(download: WebDownload, options: UnpackDownloadOptions): Promise<OpenedProgram> {
  const { format, onBytes } = options;
  const arriving = counted(download.content, throttleBytes(download.totalBytes, onBytes));
  if (format === 'tar.gz') return unpackMember(arriving, options);
  if (format === 'zip') return unzipMember(arriving, options);
  return { sizeBytes: download.totalBytes, content: checked(arriving, options) };
}

async function* checked(content: Bytes, options: UnpackMemberOptions): Bytes {
  const { digests, maxBytes = defaultMaxBytes, what } = options;
  const check = createDigestCheck(what, digests);
  let sizeBytes = 0;
  for await (const chunk of content) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) {
      throw new OpencodeInstallError('PACKAGE_INVALID', `${what} is longer than ${maxBytes} bytes`);
    }
    check.update(chunk);
    yield chunk;
  }
  check.verify();
}

async function* counted(content: Bytes, report: (bytes: number) => void): Bytes {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.byteLength;
    report(bytes);
    yield chunk;
  }
}
