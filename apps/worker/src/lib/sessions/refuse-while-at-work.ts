import { listSessionDocuments } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import { WorkerError } from '../errors.ts';
import { LOCAL_HOST } from '../hosts/open-host.ts';
import { loadTaskRecord } from './task-record.ts';
import type { SealedStore } from './task-record.ts';

/** Where a task is about to begin. */
export interface BeginningTask {
  readonly taskId: string;
  /** What the host is called in session documents. @default not known yet: what has lost its worker is not looked at */
  readonly host?: string;
  /** What its user calls it. @default not known yet */
  readonly hostName?: string;
  /** What this machine calls itself. */
  readonly machine: string;
}

/**
 * Throws `TASK_AT_WORK` while a session works on the task already: a second one would have to share its directory, and would stand before
 * it in all that goes by the task's name. `REFUSED` for one that has lost its worker, which is not over by waiting, and counts on its own
 * machine alone: elsewhere nobody could end it.
 */
export async function refuseWhileAtWork(opened: SealedStore, task: BeginningTask): Promise<void> {
  for await (const session of listSessionDocuments(opened.store, { taskId: task.taskId })) {
    if (session.state === 'ended') continue;
    if (session.owner.leaseExpiresAt > new Date()) {
      throw atWork(
        'TASK_AT_WORK',
        session,
        `optio attach ${session.id} watches it, optio cancel ${session.id} ends it`,
      );
    }
    if (await isHere(opened, session, task))
      throw atWork('REFUSED', session, `optio recover ${session.id} takes it up`);
  }
}

async function isHere(opened: SealedStore, session: SessionDocument, task: BeginningTask): Promise<boolean> {
  if (session.host !== task.host) return false;
  const record = await loadTaskRecord(opened, session.taskId);
  // It is taken up by the record of its task, which may tell of a later run elsewhere by now.
  if ((record?.host ?? LOCAL_HOST) !== task.hostName) return false;
  return record?.host !== LOCAL_HOST || record.machine === task.machine;
}

function atWork(code: 'REFUSED' | 'TASK_AT_WORK', { id, taskId }: SessionDocument, remedy: string): WorkerError {
  return new WorkerError(code, `task ${taskId} is at work in session ${id}; ${remedy}, another id makes another task`);
}
