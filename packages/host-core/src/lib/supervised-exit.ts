import { setTimeout as delay } from 'node:timers/promises';

import { HostError } from './errors.ts';
import type { Host, ProcessExit } from './host.ts';
import { parseExitCode } from './supervised-record.ts';
import type { SupervisedRecord } from './supervised-record.ts';
import { createWake } from './wake.ts';
import { watch } from './watch.ts';

/** How a supervised process ended. */
export interface SupervisedExit extends ProcessExit {
  /** Nobody had renewed its lease for its time, or its directory was gone, and therefore its supervisor ended it. */
  readonly leaseExpired: boolean;
}

/** Whose end is waited for. */
export interface WaitForExitOptions {
  readonly host: Host;
  /** `<task directory>/control/<id>` */
  readonly directory: string;
  readonly record: SupervisedRecord;
  /** For messages. */
  readonly name: string;
}

const longestRetryMs = 30_000;
/** Milliseconds between two looks, and how many looks at first are closer together: what fails does so soon. */
const pauseMs = 250;
const firstPauseMs = 100;
const firstLooks = 20;

/** Waits for the end of a supervised process, across lost links. Rejects as `SupervisedProcess.exited` does. */
export async function waitForExit(options: WaitForExitOptions): Promise<SupervisedExit> {
  for (let retryMs = 1000; ; retryMs = Math.min(retryMs * 2, longestRetryMs)) {
    try {
      return await watchExit(options);
    } catch (error) {
      // It goes on without the link, and so does this, until somebody closes the host: then a new look says DISPOSED.
      if (!HostError.is(error) || (error.code !== 'CONNECTION_LOST' && error.code !== 'CONNECT_FAILED')) throw error;
    }
    await delay(retryMs, undefined, { ref: false });
  }
}

async function watchExit({ host, directory, record, name }: WaitForExitOptions): Promise<SupervisedExit> {
  const { bootId, supervisor, command, watcher } = record;
  const who = [supervisor, command, watcher].map(({ pid, startTime }) => `${pid} ${startTime}`).join(' ');
  const wake = createWake();
  const watched = watch(host, { introduce: (id) => `p ${id} ${bootId} ${who}\n${directory}\n`, onLook: wake.call });
  try {
    for (let looks = 0; ; looks += 1) {
      watched.request(looks < firstLooks ? firstPauseMs : pauseMs);
      let look = watched.take();
      for (; look === undefined; look = watched.take()) await wake.called();
      const { found } = look;
      const exit = found.kind === 'exit' ? parseExitCode(found.code) : undefined;
      if (exit !== undefined) return { ...exit, leaseExpired: found.kind === 'exit' && found.isLease };
      if (found.kind !== 'nothing')
        throw new HostError('SUPERVISOR_LOST', `The ${name} is gone, and how it ended is not on record`);
    }
  } finally {
    await watched.close();
  }
}
