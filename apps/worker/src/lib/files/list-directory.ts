import { constants } from 'node:fs';
import { access, lstat, readdir, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { WorkerError } from '../errors.ts';
import { isInside } from '../paths.ts';
import { reasonOf } from '../secret-reference.ts';

/** What a task's directory may hold at most: it is copied to the host at every start. */
const MAX_FILES_BYTES = 1024 ** 3;

/** How many entries it may have. */
const MAX_FILES_COUNT = 100_000;

/** A file, a link or an empty directory below a directory. */
export type ListedEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'file';
      /** Relative to the directory, with `/`. */
      readonly path: string;
      readonly absolutePath: string;
      readonly sizeBytes: number;
      /** Permission bits only. */
      readonly mode: number;
    }
  | {
      readonly kind: 'link';
      readonly path: string;
      /** As the link has it. */ readonly target: string;
    };

/** What a directory holds. */
export interface ListedDirectory {
  /** Sorted by path within each directory. */
  readonly entries: readonly ListedEntry[];
  readonly totalBytes: number;
  /** What is there and is not listed, each with the reason. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** Options of `listDirectory`. */
export interface ListDirectoryOptions {
  /** Absolute paths that are passed over, with all below them. */
  readonly exclude: readonly string[];
  /** @default MAX_FILES_BYTES */
  readonly maxBytes?: number;
  /** @default MAX_FILES_COUNT */
  readonly maxCount?: number;
  readonly abortSignal: AbortSignal;
}

/**
 * Lists everything below a directory, hidden files and `.git` included. Links are not followed: those that stay inside are
 * listed as links, the others are skipped, as are sockets, pipes and devices.
 * Throws `FILES_UNREADABLE` for what cannot be read and for more than the limits allow.
 */
export async function listDirectory(root: string, options: ListDirectoryOptions): Promise<ListedDirectory> {
  const maxBytes = options.maxBytes ?? MAX_FILES_BYTES;
  const maxCount = options.maxCount ?? MAX_FILES_COUNT;
  const entries: ListedEntry[] = [];
  const skipped: { path: string; reason: string }[] = [];
  let totalBytes = 0;

  async function visit(directory: string, prefix: string): Promise<void> {
    const children = await readdir(directory, { withFileTypes: true });
    if (children.length === 0 && prefix !== '') entries.push({ kind: 'directory', path: prefix.slice(0, -1) });
    for (const child of children.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      options.abortSignal.throwIfAborted();
      const path = `${prefix}${child.name}`;
      const absolutePath = join(directory, child.name);
      if (options.exclude.includes(absolutePath)) continue;
      if (child.name.includes('\uFFFD')) skipped.push({ path, reason: 'its name is not UTF-8' });
      else if (child.isDirectory()) await visit(absolutePath, `${path}/`);
      else if (child.isSymbolicLink()) await addLink(absolutePath, path);
      else if (child.isFile()) await addFile(absolutePath, path);
      else skipped.push({ path, reason: 'it is neither a file nor a directory' });
      if (entries.length > maxCount) throw tooMuch(`more than ${maxCount} files`, path);
    }
  }

  async function addLink(absolutePath: string, path: string): Promise<void> {
    const target = await readlink(absolutePath);
    const isRelative = !target.startsWith('/');
    if (isRelative && isInside(root, resolve(dirname(absolutePath), target)))
      entries.push({ kind: 'link', path, target });
    else skipped.push({ path, reason: 'it is a link that leads outside' });
  }

  async function addFile(absolutePath: string, path: string): Promise<void> {
    const stat = await lstat(absolutePath);
    await access(absolutePath, constants.R_OK);
    totalBytes += stat.size;
    if (totalBytes > maxBytes) throw tooMuch(`more than ${Math.round(maxBytes / 1024 ** 2)} MiB`, path);
    entries.push({
      kind: 'file',
      path,
      absolutePath,
      sizeBytes: stat.size,
      mode: stat.mode & 0o777,
    });
  }

  try {
    await visit(root, '');
  } catch (error) {
    if (WorkerError.is(error) || options.abortSignal.aborted) throw error;
    const path = error instanceof Error && 'path' in error ? String(error.path) : root;
    throw new WorkerError('FILES_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  return { entries, totalBytes, skipped };
}

function tooMuch(what: string, path: string): WorkerError {
  return new WorkerError('FILES_UNREADABLE', `holds ${what} (counted up to ${path}); name a smaller directory`);
}
