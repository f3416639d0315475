import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Makes a directory and what is missing above it, as `mkdir -p` does. Node's own way never ends where a directory is there and says
 * that a new one in it has no parent, as /proc does.
 */
export async function makeDirectories(path: string, options: { readonly mode?: number } = {}): Promise<void> {
  if (await makeOne(path, options)) return;
  await makeDirectories(dirname(path), options);
  await mkdir(path, options).catch((error: unknown) => acceptDirectory(path, error));
}

/** Makes a directory with `makeDirectories`, and finds out whether a file can be made in it: now, and not after the work. */
export async function makeWritable(path: string, options: { readonly mode?: number } = {}): Promise<void> {
  await makeDirectories(path, options);
  const probe = join(path, temporaryName());
  await (await open(probe, 'wx', 0o600)).close();
  await rm(probe);
}

/** What the names of our own files begin with, while they are written. */
export const TEMPORARY_PREFIX = '.optio-';

/** A name that nothing has. */
export function temporaryName(): string {
  return `${TEMPORARY_PREFIX}${randomBytes(6).toString('hex')}.part`;
}

/** `false` where what is above it may be missing. */
async function makeOne(path: string, options: { readonly mode?: number }): Promise<boolean> {
  try {
    await mkdir(path, options);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && dirname(path) !== path) return false;
    await acceptDirectory(path, error);
  }
  return true;
}

/** Somebody else may have made it. Some file systems have another reason to refuse what is there already. */
async function acceptDirectory(path: string, error: unknown): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) throw error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
