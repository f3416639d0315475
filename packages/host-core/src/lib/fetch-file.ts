import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { checkContent } from './check-content.ts';
import { readDigest } from './digest.ts';
import { HostError } from './errors.ts';
import type { Bytes, Host } from './host.ts';
import { openFile } from './open-file.ts';
import type { PathOptions } from './path-access.ts';
import { createRunId } from './run-id.ts';

/** Options of `fetchFile`. */
export interface FetchFileOptions extends PathOptions {
  /** Hex digest. @default not checked */
  readonly sha256?: string;
  /** Permission bits of the file here. @default 0o600 */
  readonly mode?: number;
  /** Called with the bytes that came so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Copies a regular file of the host to this machine, as `openFile` reads it. It is written beside `localPath` and renamed from
 * there when all of it has come and been checked: the file is there whole or not at all.
 *
 * Throws as `openFile` does, `DIGEST_MISMATCH` for another digest or another size than the file had when it was opened,
 * `WRITE_FAILED` when it cannot be put in its place here, and what this machine says when it cannot write on.
 */
export async function fetchFile(
  host: Host,
  path: string,
  localPath: string,
  options: FetchFileOptions = {},
): Promise<void> {
  const { mode = 0o600, onProgress, ...pathOptions } = options;
  const sha256 = readDigest(options.sha256, 'sha256');
  await using opened = await openFile(host, path, pathOptions);
  const stage = join(dirname(localPath), `.optio-fetch-${createRunId()}`);
  const refuse = (cause: Error): never => {
    throw new HostError('WRITE_FAILED', `Cannot write ${localPath} on this machine: ${cause.message}`, { cause });
  };
  const file = await open(stage, 'wx', mode).catch(refuse);
  try {
    const expected = { sizeBytes: opened.sizeBytes, sha256, onProgress };
    try {
      await writeAll(file, checkContent(opened.content, expected, basename(path)));
      await file.chmod(mode);
    } finally {
      await file.close();
    }
    await rename(stage, localPath).catch(refuse);
  } catch (error) {
    await rm(stage, { force: true });
    throw error;
  }
}

/** Bytes per write: less would be more system calls, and each has to wait its turn. */
const writeBytes = 1024 * 1024;

/** Writes while the next piece is on its way; one at a time. */
async function writeAll(file: FileHandle, content: Bytes): Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  let held: Uint8Array[] = [];
  let length = 0;
  const write = async (): Promise<void> => {
    await writing;
    writing = writeChunks(file, held, length);
    // Told when the next one is due.
    writing.catch(() => undefined);
    held = [];
    length = 0;
  };
  try {
    for await (const chunk of content) {
      held.push(chunk);
      length += chunk.byteLength;
      if (length >= writeBytes) await write();
    }
    await write();
  } finally {
    await writing;
  }
}

async function writeChunks(file: FileHandle, chunks: readonly Uint8Array[], length: number): Promise<void> {
  if (length === 0) return;
  const { bytesWritten } = await file.writev(chunks);
  // Not all of it: a signal came in between, or the disk is full, which the next one says.
  if (bytesWritten < length) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
}
