import type { SessionOutcome } from '@optio-ts/agents-session';
import { archiveDirectory, DEFAULT_EXCLUDES, restoreDirectory } from '@optio-ts/host-core';
import type { Workspace } from '@optio-ts/host-core';
import { createId, openSnapshot, readSnapshotBlob } from '@optio-ts/seed-engine';
import type { Cipher, Snapshot, Store } from '@optio-ts/seed-engine';

/** Where a snapshot of pi comes from, or goes to. */
interface SnapshotPlace {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly workspace: Workspace;
  /** pi's sessions, a directory of the task directory. */
  readonly sessions: string;
  readonly abortSignal?: AbortSignal;
}

const LOGIN = ['home/.pi/agent/auth.json'];

/** Keeps workdir, conversation and login. Nothing of pi may run any more; its directories are read as hostile ones. */
export async function saveSnapshot(
  place: SnapshotPlace & { readonly outcome: SessionOutcome; readonly seedId?: string },
): Promise<Snapshot> {
  const { store, cipher, workspace, sessions, outcome, seedId, abortSignal } = place;
  const { host, taskId, taskDirectory: beneath, workdir } = workspace;
  const options = { beneath, ...(abortSignal && { abortSignal }) };
  const draft = openSnapshot({
    store,
    cipher,
    taskId,
    agent: 'pi',
    processId: createId(),
    sessionId: createId(),
    ...(seedId !== undefined && { seedId }),
  });
  try {
    await draft.write('session', archiveDirectory(host, sessions, options));
    await draft.write(
      'workdir',
      archiveDirectory(host, workdir, { ...options, exclude: [...DEFAULT_EXCLUDES, ...LOGIN] }),
    );
    await draft.write('login', archiveDirectory(host, workdir, { ...options, include: LOGIN, exclude: [] }));
    const { state } = outcome;
    const { snapshot } = await draft.commit({ endState: state === 'lost' ? 'failed' : state });
    return snapshot;
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

/** Brings them back, in this workspace, wherever it is. A blob that cannot be opened is an error, never a fresh start. */
export async function restoreSnapshot(place: SnapshotPlace & { readonly snapshot: Snapshot }): Promise<void> {
  const { store, cipher, workspace, sessions, snapshot, abortSignal } = place;
  const { host, taskDirectory: beneath, workdir } = workspace;
  const options = { beneath, ...(abortSignal && { abortSignal }) };
  await restoreDirectory(host, workdir, readSnapshotBlob(store, cipher, snapshot, 'workdir'), {
    ...options,
    links: 'keep',
  });
  await restoreDirectory(host, sessions, readSnapshotBlob(store, cipher, snapshot, 'session'), options);
  const login = readSnapshotBlob(store, cipher, snapshot, 'login');
  await restoreDirectory(host, workdir, login, { ...options, existing: 'keep' });
}
