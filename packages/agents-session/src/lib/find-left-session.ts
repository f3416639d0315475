import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path/posix';

import { findSupervised, HostError, openWorkspace, statPath, TaskDirectoryInUseError } from '@optio-ts/host-core';
import type { Host, SupervisedProcess, Workspace } from '@optio-ts/host-core';

import type { LeftSession } from './plan-recovery.ts';

/** Options of `findLeftSession`. */
export interface FindLeftSessionOptions {
  readonly host: Host;
  /** Absolute, as the session's document has it. */
  readonly taskDirectory: string;
  /** Of the session's first owner: marks all that it started. */
  readonly runId: string;
  /** Of the owner that looks. The directory is taken over from every owner before it. */
  readonly fencing: number;
  readonly abortSignal?: AbortSignal;
}

/** What a host has of a session that was left behind. */
export interface FoundSession {
  readonly directory: LeftSession['directory'];
  /** Held by this owner from now on; `undefined` unless the directory is `held`. */
  readonly workspace: Workspace | undefined;
  /** What was started in it under supervision, ended or not. */
  readonly processes: readonly SupervisedProcess[];
}

const NOTHING = { workspace: undefined, processes: [] } as const;

/**
 * Looks for a session on its host and takes its directory over, if it is still the session's: from then on no owner before this one
 * can remove it.
 */
export async function findLeftSession(options: FindLeftSessionOptions): Promise<FoundSession> {
  const { host, taskDirectory, runId, fencing, abortSignal } = options;
  if (!(Number.isSafeInteger(fencing) && fencing >= 1)) {
    throw new TypeError(`fencing must be a whole number from 1: got ${fencing}`);
  }
  const signal = abortSignal && { abortSignal };
  try {
    const info = await statPath(host, taskDirectory, { ...signal });
    if (info === undefined) return { directory: 'gone', ...NOTHING };
    const workspace = await takeOver(options);
    if (workspace === undefined) return { directory: 'foreign', ...NOTHING };
    return { directory: 'held', workspace, processes: await findSupervised(host, taskDirectory, { runId, ...signal }) };
  } catch (error) {
    const isUnreachable = HostError.is(error) && UNREACHABLE.includes(error.code);
    if (!isUnreachable) throw error;
    return { directory: 'unreachable', ...NOTHING };
  }
}

/**
 * The name under which an owner holds a session's directory: the run id for the first one, and for each one after it a name that
 * follows from both, so that whoever takes over knows all the names that the owners before it may have left.
 */
export function holderId(runId: string, fencing: number): string {
  if (fencing <= 1) return runId;
  return createHash('sha256').update(`${runId} ${fencing}`).digest('hex').slice(0, 24);
}

const UNREACHABLE: readonly string[] = ['CONNECTION_LOST', 'CONNECT_FAILED', 'TIMEOUT', 'HOST_KEY_REFUSED', 'DISPOSED'];

async function takeOver(options: FindLeftSessionOptions): Promise<Workspace | undefined> {
  const { host, taskDirectory, runId, fencing, abortSignal } = options;
  const names = Array.from({ length: fencing }, (_, index) => holderId(runId, index + 1));
  let takeOverFrom = names.at(-2);
  for (let attempt = 0; attempt <= fencing; attempt += 1) {
    try {
      return await openWorkspace(host, {
        taskId: basename(taskDirectory),
        taskRoot: dirname(taskDirectory),
        runId: holderId(runId, fencing),
        ...(takeOverFrom !== undefined && { takeOverFrom }),
        ...(abortSignal && { abortSignal }),
      });
    } catch (error) {
      if (!(error instanceof TaskDirectoryInUseError)) throw error;
      if (!names.includes(error.runId)) return undefined;
      takeOverFrom = error.runId;
    }
  }
  return undefined;
}
