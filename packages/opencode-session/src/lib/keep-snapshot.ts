import { archiveDirectory } from '@optio-ts/host-core';
import type { ArchiveWarning, Host, Workspace } from '@optio-ts/host-core';
import type { OpencodeServer } from '@optio-ts/opencode-launcher';
import { openSnapshot } from '@optio-ts/seed-engine';
import type { CapturedSnapshot, Cipher, SnapshotEndState, Store } from '@optio-ts/seed-engine';

import { LOGIN_FILES, snapshotExcludes } from './excludes.ts';

/** Options of `draftSnapshot`. */
export interface DraftSnapshotOptions {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly host: Host;
  readonly workspace: Workspace;
  readonly taskId: string;
  /** 24 hex digits. */
  readonly processId: string;
  readonly server: OpencodeServer;
  readonly opencodeSessionId: string;
  /** The seed that the login came from. */
  readonly seedId: string | undefined;
  readonly workdirExclude: readonly string[] | undefined;
  /** What could not be archived as it is, a file that changed meanwhile for instance. */
  readonly onWarning: (warning: ArchiveWarning) => void;
}

/** A snapshot of which the session is already written. */
export interface DraftedSnapshot {
  /** Adds the workdir and the login, once nothing of the agent runs any more, and makes it a snapshot. */
  complete(end: SnapshotEnd): Promise<CapturedSnapshot>;
  /** Removes what was written. Does nothing after `complete` succeeded. */
  discard(): Promise<void>;
}

/** How a session ended that a snapshot is taken of. */
interface SnapshotEnd {
  readonly endState: SnapshotEndState;
  readonly abortSignal: AbortSignal;
}

/** Begins a snapshot with what only a live server can tell: the session. Throws what the export or the store throws. */
export async function draftSnapshot(
  options: DraftSnapshotOptions,
  { abortSignal }: { readonly abortSignal: AbortSignal },
): Promise<DraftedSnapshot> {
  const { store, cipher, host, workspace, taskId, processId, server, opencodeSessionId, seedId } = options;
  const draft = openSnapshot({
    store,
    cipher,
    taskId,
    processId,
    agent: 'opencode',
    agentVersion: server.version,
    sessionId: opencodeSessionId,
    ...(seedId !== undefined && { seedId }),
  });
  const exported = await server.exportSession(opencodeSessionId, { abortSignal });
  await draft.write('session', exported.content());

  return {
    async complete({ endState, abortSignal: signal }) {
      try {
        const beneath = workspace.taskDirectory;
        const exclude = snapshotExcludes(options.workdirExclude);
        const archive = { abortSignal: signal, beneath, onWarning: options.onWarning };
        await draft.write('workdir', archiveDirectory(host, workspace.workdir, { ...archive, exclude }));
        await draft.write(
          'login',
          archiveDirectory(host, workspace.workdir, { ...archive, include: LOGIN_FILES, exclude: [] }),
        );
        return await draft.commit({ endState });
      } catch (error) {
        await draft.discard();
        throw error;
      }
    },
    discard: () => draft.discard(),
  };
}
