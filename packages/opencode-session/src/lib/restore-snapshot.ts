import { restoreDirectory } from '@optio-ts/host-core';
import type { Host, Workspace } from '@optio-ts/host-core';
import { readSnapshotBlob } from '@optio-ts/seed-engine';
import type { Cipher, Snapshot, Store } from '@optio-ts/seed-engine';

import { ORIGINAL_SCRATCH } from './excludes.ts';

/** Options of `restoreWorkdir`. */
export interface RestoreWorkdirOptions {
  readonly store: Store;
  readonly cipher: Cipher;
  /** What workdirs are sealed with, where that is another. */
  readonly workdirCipher?: Cipher;
  readonly host: Host;
  readonly workspace: Workspace;
  readonly snapshot: Snapshot;
  readonly abortSignal: AbortSignal;
}

/** Brings back the workdir of a snapshot, and the login in it. A decrypt failure is a `DecryptError`, never a fresh start. */
export async function restoreWorkdir(options: RestoreWorkdirOptions): Promise<void> {
  const { store, cipher, workdirCipher, host, workspace, snapshot, abortSignal } = options;
  // What was sealed before there was another cipher for workdirs is opened as it was sealed.
  const opener = snapshot.workdir.cipher === workdirCipher?.name ? workdirCipher : undefined;
  const beneath = workspace.taskDirectory;
  const workdir = readSnapshotBlob(store, opener ?? cipher, snapshot, 'workdir', { abortSignal });
  await restoreDirectory(host, workspace.workdir, workdir, {
    abortSignal,
    beneath,
    links: 'keep',
    filter: (path) => !ORIGINAL_SCRATCH.test(path),
  });
  if (snapshot.login === undefined) return;
  await restoreDirectory(host, workspace.workdir, readSnapshotBlob(store, cipher, snapshot, 'login', { abortSignal }), {
    abortSignal,
    beneath,
    existing: 'keep',
    links: 'refuse-outward',
    // A login is a file. What an agent made a link of it is none, and must not keep the rest from coming back.
    filter: (_path, kind) => kind !== 'link',
  });
}
