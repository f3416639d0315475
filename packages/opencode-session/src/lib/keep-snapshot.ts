import { archiveDirectory, HostError, outlastLink } from '@optio-ts/host-core';
import type { Workspace } from '@optio-ts/host-core';
import type { OpencodeServer } from '@optio-ts/opencode-launcher';
import { noCipher, openSnapshot } from '@optio-ts/seed-engine';
import type { CapturedSnapshot, SnapshotDraft, SnapshotEndState } from '@optio-ts/seed-engine';

import { isConnectionFault } from './across-link.ts';
import { OpencodeSessionError } from './errors.ts';
import { LOGIN_FILES, snapshotExcludes } from './excludes.ts';
import type { StartOpencodeSessionOptions } from './options.ts';

/** What is known of the session that a snapshot is taken of. */
export interface DraftSnapshotContext {
  readonly workspace: Workspace;
  /** 24 hex digits. */
  readonly processId: string;
  /** Of the session: a session has one snapshot, whoever ends it. */
  readonly id: string;
  readonly server: Pick<OpencodeServer, 'exited' | 'exportSession' | 'version'>;
  readonly opencodeSessionId: string;
  /** The seed that the login came from. */
  readonly seedId: string | undefined;
  /** Patterns that the agent was told of. */
  readonly workdirExclude: readonly string[] | undefined;
  /** What could not be archived as it is, a file that changed meanwhile for instance. */
  readonly onWarning: (code: string, message: string) => void;
  readonly abortSignal: AbortSignal;
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
  /** Asked once all is written, right before it counts. Throwing discards it. */
  readonly confirm: () => Promise<unknown>;
  readonly abortSignal: AbortSignal;
}

/** Begins a snapshot with what only a live server can tell: the session. Throws what the export or the store throws. */
export async function draftSnapshot(
  options: StartOpencodeSessionOptions,
  context: DraftSnapshotContext,
): Promise<DraftedSnapshot> {
  const { store, cipher, compat, taskId } = options;
  const { processId, id, server, opencodeSessionId, seedId, abortSignal } = context;
  const workdirCipher = compat === undefined ? options.workdirCipher : noCipher;
  const draft = openSnapshot({
    store,
    cipher,
    taskId,
    processId,
    id,
    agent: 'opencode',
    agentVersion: server.version,
    sessionId: opencodeSessionId,
    ...(workdirCipher && { workdirCipher }),
    ...(seedId !== undefined && { seedId }),
  });
  const exportOnce = async (): Promise<void> => {
    const exported = await server.exportSession(opencodeSessionId, { abortSignal });
    await draft.write('session', exported.content());
  };
  const hasEnded = watchEnd(server.exited);
  await outlastLink(exportOnce, { abortSignal, isPassing: (error) => !hasEnded() && isConnectionFault(error) });

  return {
    async complete({ endState, confirm, abortSignal: signal }) {
      try {
        await writeWorkdir(options, { ...context, abortSignal: signal }, draft);
        await confirm();
        return await draft.commit({ endState });
      } catch (error) {
        await draft.discard();
        throw error;
      }
    },
    discard: () => draft.discard(),
  };
}

/** Writes the workdir and beside it the login; for the original the login is part of the workdir. */
async function writeWorkdir(
  { host, compat, maxSnapshotBytes }: StartOpencodeSessionOptions,
  { workspace, workdirExclude, onWarning, abortSignal }: DraftSnapshotContext,
  draft: SnapshotDraft,
): Promise<void> {
  const archive = {
    abortSignal,
    beneath: workspace.taskDirectory,
    onWarning: ({ code, message }: { readonly code: string; readonly message: string }) => onWarning(code, message),
    ...(maxSnapshotBytes !== undefined && { maxBytes: maxSnapshotBytes }),
  };
  const write = (part: 'workdir' | 'login', scope: { include?: readonly string[]; exclude: readonly string[] }) =>
    outlastLink(() => draft.write(part, archiveDirectory(host, workspace.workdir, { ...archive, ...scope })), {
      abortSignal,
    });
  // All are waited for, whichever fails: what is discarded must have been written to its end.
  const written = await Promise.allSettled([
    write('workdir', { exclude: snapshotExcludes(workdirExclude, compat) }),
    ...(compat === undefined ? [write('login', { include: LOGIN_FILES, exclude: [] })] : []),
  ]);
  for (const part of written) if (part.status === 'rejected') throw describeFailure(part.reason, maxSnapshotBytes);
}

function describeFailure(error: unknown, maxBytes: number | undefined): unknown {
  if (maxBytes === undefined || !HostError.is(error) || error.code !== 'OUTPUT_LIMIT') return error;
  return new OpencodeSessionError(
    'SNAPSHOT_TOO_LARGE',
    `The workdir holds more than ${maxBytes} bytes (maxSnapshotBytes): raise the limit, or leave more out (workdirExclude)`,
    { cause: error },
  );
}

/** Tells whether a promise has settled. */
function watchEnd(exited: Promise<unknown>): () => boolean {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  exited.then(end, end);
  return () => isOver;
}
