import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { archiveDirectory, createLocalHost, writeFiles } from '@optio-ts/host-core';
import type { Bytes, HostFile } from '@optio-ts/host-core';
import { changeDocument, openSealed, sealSecret } from '@optio-ts/seed-engine';
import type { StoredDocument } from '@optio-ts/seed-engine';

import { isCompared } from '../files/own-files.ts';
import { taskCollection } from './task-record.ts';
import type { SealedStore } from './task-record.ts';

/** What is said of it in a task's document. */
interface Base {
  readonly content: { readonly blob: string };
  /** The name of the cipher. */
  readonly cipher: string;
  readonly sealedFor?: string;
}

/** More than this is not kept twice, beside the snapshot that will have it too. */
const MAX_BASE_BYTES = 256 * 1024 ** 2;

/**
 * Keeps the files that a task begins with, sealed, beside its record, for a patch of what became of them. Resolves with `false` where they
 * are too many.
 */
export async function keepTaskBase(opened: SealedStore, taskId: string, files: Iterable<HostFile>): Promise<boolean> {
  const compared = Array.from(files).filter(({ path }) => isCompared(path));
  const totalBytes = compared.reduce((sum, file) => sum + ('sizeBytes' in file ? (file.sizeBytes ?? 0) : 0), 0);
  if (totalBytes > MAX_BASE_BYTES) return false;
  const temporary = await mkdtemp(join(tmpdir(), 'optio-base-'));
  try {
    await using local = createLocalHost();
    // As they are now: while it is archived and sealed, somebody goes on with them.
    const directory = join(temporary, 'files');
    await mkdir(directory);
    await writeFiles(local, directory, compared);
    await writeBase(opened, taskId, archiveDirectory(local, directory, { exclude: [] }));
    return true;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The files that a task began with, as an archive; `undefined` where they were not kept. */
export async function readTaskBase(
  { cipher, store }: SealedStore,
  taskId: string,
  options: { readonly abortSignal?: AbortSignal } = {},
): Promise<Bytes | undefined> {
  const document = await store.get(taskCollection, taskId);
  const base = document && baseOf(document);
  if (base === undefined) return undefined;
  return openSealed(cipher, base.cipher, store.readBlob(base.content.blob, options), `the files of task ${taskId}`);
}

/** Seals anew what was not sealed for `sealedFor`, and returns how many that were. Throws `DecryptError` for what cannot be opened. */
export async function resealTaskBase(
  opened: SealedStore,
  taskId: string,
  sealedFor: string | undefined,
): Promise<boolean> {
  const document = await opened.store.get(taskCollection, taskId);
  const base = document && baseOf(document);
  if (base === undefined || base.sealedFor === sealedFor) return false;
  const plain = await readTaskBase(opened, taskId);
  if (plain !== undefined) await writeBase(opened, taskId, plain, base.content.blob);
  return true;
}

/** Writes it in the place of `instead`: where another has come there meanwhile, that one stays. */
async function writeBase(
  { cipher, store }: SealedStore,
  taskId: string,
  plain: Bytes,
  instead?: string,
): Promise<void> {
  const fixed = (await cipher.current?.()) ?? cipher;
  const { sealedFor } = await sealSecret(fixed, '');
  const owner = { collection: taskCollection, id: taskId };
  const { id } = await store.writeBlob({ owner, name: 'files', content: fixed.encrypt(plain) });
  const base = { content: { blob: id }, cipher: fixed.name, ...(sealedFor !== undefined && { sealedFor }) };
  let isOurs = false;
  try {
    await changeDocument(store, taskCollection, taskId, (current) => {
      isOurs = baseOf(current)?.content.blob === instead;
      return isOurs ? { ...current, base } : undefined;
    });
  } finally {
    if (!isOurs) await store.discardBlob(id);
  }
}

function baseOf(document: StoredDocument): Base | undefined {
  return document['base'] as unknown as Base | undefined;
}
