import { createGzip } from 'node:zlib';

import type { Bytes } from '@optio-ts/host-core';
import { pack } from 'tar-stream';

/** A small text file of a home. */
export interface HomeFile {
  /** Relative to the home. */
  readonly path: string;
  readonly text: string;
}

/** A gzip'd tar of a few small files, readable by their owner alone: what a seed's archive is. */
export function composeArchive(files: readonly HomeFile[]): Bytes {
  const archive = pack();
  for (const { path, text } of files) archive.entry({ name: path, mode: 0o600 }, text);
  archive.finalize();
  return archive.pipe(createGzip());
}
