import { loadLatestSnapshot } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import { WorkerError } from '../errors.ts';
import { stateOf } from './find-session.ts';
import { loadTaskRecord } from './task-record.ts';
import type { SealedStore, TaskRecord } from './task-record.ts';

/**
 * What the task of a session needs to go on where it ended. Throws `REFUSED` for one that runs, and `NOT_FOUND` where there is nothing
 * to go on from.
 */
export async function loadResumable(opened: SealedStore, session: SessionDocument): Promise<TaskRecord> {
  const { taskId } = session;
  if (session.state !== 'ended') {
    const remedy =
      stateOf(session, new Date()) === 'no worker' ? 'optio recover takes it up' : 'optio attach watches it';
    throw new WorkerError('REFUSED', `task ${taskId} has not ended; ${remedy}`);
  }
  if ((await loadLatestSnapshot(opened.store, 'opencode', taskId)) === undefined) {
    throw new WorkerError('NOT_FOUND', `there is no snapshot of task ${taskId} to go on from; run it again`);
  }
  const found = await loadTaskRecord(opened, taskId);
  if (found !== undefined) return found;
  throw new WorkerError('NOT_FOUND', `task ${taskId} was not run by optio, which does not know its task file`);
}
