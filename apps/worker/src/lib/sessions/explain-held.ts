import { TaskDirectoryInUseError } from '@optio-ts/host-core';
import { listSessionDocuments } from '@optio-ts/seed-engine';
import type { SessionDocument, Store } from '@optio-ts/seed-engine';

import { stateOf } from './find-session.ts';

/** The session that could not begin. */
export interface HeldTask {
  readonly taskId: string;
  /** As the user names it. */
  readonly hostName: string;
}

/** Says who holds the directory of a task and which command ends that; `undefined` where that is not what went wrong. */
export async function explainHeld(error: unknown, store: Store, task: HeldTask): Promise<string | undefined> {
  if (!(error instanceof TaskDirectoryInUseError)) return undefined;
  const clean = `optio host clean ${task.hostName}`;
  for await (const session of listSessionDocuments(store, { taskId: task.taskId })) {
    if (session.runId === error.runId)
      return `its directory is held by session ${session.id}${remedyOf(session, clean)}`;
  }
  return (
    `its directory is held by a run that this store knows nothing of (${error.runId}), for instance of another store: ` +
    `${clean} shows whether it runs, --remove --running ends and removes it; another id makes another task`
  );
}

function remedyOf(session: SessionDocument, clean: string): string {
  const { id, taskDirectory } = session;
  if (session.state === 'ended') {
    return `, which has ended and kept ${taskDirectory}: save what you need of it, then ${clean} --kept --remove removes it`;
  }
  return stateOf(session, new Date()) === 'no worker'
    ? `, whose worker is gone: optio recover ${id} takes it up`
    : `: optio cancel ${id} --wait ends it`;
}
