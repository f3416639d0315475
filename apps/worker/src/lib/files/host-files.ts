import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

import type { Bytes, HostFile } from '@optio-ts/host-core';

import { WorkerError } from '../errors.ts';
import { reasonOf } from '../secret-reference.ts';
import type { ListedEntry } from './list-directory.ts';

/** The entries of a directory as files for a host. Each is opened when its content is asked for; none is held in memory. */
export function hostFilesOf(entries: readonly ListedEntry[]): HostFile[] {
  return entries.map((entry) => {
    if (entry.kind === 'directory') return { path: entry.path, directory: true };
    if (entry.kind === 'link') return { path: entry.path, link: entry.target };
    const { absolutePath, mode, path, sizeBytes } = entry;
    // Whoever runs the agent must be able to change what was read-only here.
    return { path, sizeBytes, mode: mode | 0o600, content: readExactly(absolutePath, sizeBytes) };
  });
}

// As many bytes as were announced: an archive that has promised a size cannot take it back.
async function* readExactly(path: string, sizeBytes: number): Bytes {
  let seen = 0;
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const stream = file.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 });
    for await (const chunk of stream) {
      seen += (chunk as Buffer).length;
      if (seen > sizeBytes) break;
      yield chunk as Buffer;
    }
  } catch (error) {
    throw new WorkerError('FILES_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  if (seen !== sizeBytes) {
    throw new WorkerError('FILES_UNREADABLE', `cannot read ${path}: it changed while it was read`);
  }
}
