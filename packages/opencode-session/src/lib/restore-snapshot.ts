import { restoreDirectory } from '@optio-ts/host-core';
import type { Host, Workspace } from '@optio-ts/host-core';
import { readSnapshotBlob } from '@optio-ts/seed-engine';
import type { Cipher, Snapshot, Store } from '@optio-ts/seed-engine';

/** Options of `restoreWorkdir`. */
export interface RestoreWorkdirOptions {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly host: Host;
  readonly workspace: Workspace;
  readonly snapshot: Snapshot;
  readonly abortSignal: AbortSignal;
}

/** Brings back the workdir of a snapshot, and the login in it. A decrypt failure is a `DecryptError`, never a fresh start. */
export async function restoreWorkdir(options: RestoreWorkdirOptions): Promise<void> {
  const { store, cipher, host, workspace, snapshot, abortSignal } = options;
  const read = (part: 'workdir' | 'login'): ReturnType<typeof readSnapshotBlob> =>
    readSnapshotBlob(store, cipher, snapshot, part, { abortSignal });
  const beneath = workspace.taskDirectory;
  await restoreDirectory(host, workspace.workdir, read('workdir'), { abortSignal, beneath, links: 'keep' });
  if (snapshot.login !== undefined) {
    await restoreDirectory(host, workspace.workdir, read('login'), {
      abortSignal,
      beneath,
      existing: 'keep',
      links: 'refuse-outward',
      // A login is a file. What an agent made a link of it is none, and must not keep the rest from coming back.
      filter: (_path, kind) => kind !== 'link',
    });
  }
}
