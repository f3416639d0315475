import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { HostFile } from '@optio-ts/host-core';

import type { FilesSource } from '../files-source.ts';
import { fetchRepository } from './fetch-repository.ts';
import { hostFilesOf } from './host-files.ts';
import { listDirectory } from './list-directory.ts';
import type { ListedDirectory } from './list-directory.ts';

/** A task's files, ready to be copied. Disposing removes what was fetched. */
export interface TaskFiles extends AsyncDisposable {
  readonly listed: ListedDirectory;
  /** Reads them once more from the start, each time it is called. */
  files(): Iterable<HostFile>;
}

/** Options of `openTaskFiles`. */
export interface OpenTaskFilesOptions {
  readonly source: FilesSource;
  /** Absolute paths inside a directory that are not copied: what earlier runs delivered there. */
  readonly exclude: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly abortSignal: AbortSignal;
}

/** Fetches a task's files where they have to be fetched, and lists them. Throws `FILES_UNREADABLE`. */
export async function openTaskFiles(options: OpenTaskFilesOptions): Promise<TaskFiles> {
  const { abortSignal, source } = options;
  if (source.kind === 'directory') {
    const listed = await listDirectory(source.path, { exclude: options.exclude, abortSignal });
    return { listed, files: () => hostFilesOf(listed.entries), async [Symbol.asyncDispose]() {} };
  }
  // A directory of our own (mode 0700) around the one that git makes.
  const temporary = await mkdtemp(join(tmpdir(), 'optio-files-'));
  const remove = (): Promise<void> => rm(temporary, { recursive: true, force: true });
  try {
    const directory = join(temporary, 'files');
    await mkdir(directory);
    await fetchRepository({ ...source, directory, env: options.env, abortSignal });
    const listed = await listDirectory(directory, { exclude: [], abortSignal });
    return { listed, files: () => hostFilesOf(listed.entries), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
