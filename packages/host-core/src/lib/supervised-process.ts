import { dirname } from 'node:path/posix';

import { HostError } from './errors.ts';
import type { GrowingFile } from './follow-lines.ts';
import type { Host } from './host.ts';
import { killScript } from './kill-script.ts';
import { runChecked } from './run-checked.ts';
import { createRunId } from './run-id.ts';
import { shellScript } from './script.ts';
import { waitForExit } from './supervised-exit.ts';
import type { SupervisedExit } from './supervised-exit.ts';
import type { SupervisedRecord } from './supervised-record.ts';
import { renewLeaseScript, stopSupervisedScript } from './supervised-scripts.ts';

/** Options of `SupervisedProcess.stop`. */
export interface StopSupervisedOptions {
  /** Milliseconds between the first TERM and KILL; TERM is sent again in the middle. 0 sends KILL at once. @default 4000 */
  readonly graceMs?: number;
  readonly abortSignal?: AbortSignal;
}

/** Options of `SupervisedProcess.renewLease`. */
export interface RenewLeaseOptions {
  readonly abortSignal?: AbortSignal;
  /** @default 30000 */
  readonly timeoutMs?: number;
}

/** A process that lives on its host without us, under a supervisor of its own. */
export interface SupervisedProcess {
  readonly host: Host;
  /** Name of its directory, `<task directory>/control/<id>`. */
  readonly id: string;
  /** What all of its processes carry in `OPTIO_RUN_ID`. */
  readonly runId: string;
  /** Leads the session and the process group of the command. */
  readonly pid: number;
  /** What it prints, standard output and standard error in one. Ends growing at `maxOutputBytes`. */
  readonly output: GrowingFile;
  /** Whether it was running when this object was made. */
  readonly wasRunning: boolean;
  /**
   * Settles when the command has ended, what it left behind too, and its output is complete. Watched from the first time
   * it is looked at, by the command on the host that serves `followLines` too; a lost link is waited for. Rejects with `SUPERVISOR_LOST` when
   * it is gone and nobody wrote down how it ended (the host was rebooted, or the supervisor killed with it), and with
   * `DISPOSED` when the host object is closed before. Never an unhandled rejection.
   */
  readonly exited: Promise<SupervisedExit>;
  /** Makes its lease count anew. Throws `SUPERVISOR_LOST` when nobody is left to enforce it; does nothing after the end. */
  renewLease(options?: RenewLeaseOptions): Promise<void>;
  /**
   * Ends the command and all it started: TERM, TERM again, KILL, until two looks in a row find nothing. Its identity (start
   * time, and for one that was found its run id too) is checked right before. Resolves when that is confirmed, and rejects
   * with `KILL_NOT_CONFIRMED` where it cannot be. Idempotent.
   */
  stop(options?: StopSupervisedOptions): Promise<void>;
}

/** What a `SupervisedProcess` is made of. */
export interface SupervisedProcessParts {
  readonly host: Host;
  readonly id: string;
  /** `<task directory>/control/<id>` */
  readonly directory: string;
  readonly record: SupervisedRecord;
  /** The record is what the start itself has answered, and was not read from the host's disk. */
  readonly isTrusted: boolean;
  readonly wasRunning: boolean;
}

/** Makes the object for a supervised process from its record. Nothing is run yet. */
export function createSupervisedProcess(parts: SupervisedProcessParts): SupervisedProcess {
  const { host, id, directory, record, isTrusted, wasRunning } = parts;
  const { runId, bootId, supervisor, command, watcher } = record;
  const name = `supervised process ${id} on ${host.description}`;
  let exited: Promise<SupervisedExit> | undefined;

  const renewLease = async ({ abortSignal, timeoutMs = 30_000 }: RenewLeaseOptions = {}): Promise<void> => {
    const script = shellScript(
      renewLeaseScript,
      directory,
      createRunId(),
      bootId,
      ...words([command.pid, command.startTime, watcher.pid, watcher.startTime]),
    );
    const { stdout } = await runChecked(host, script, {
      what: 'Cannot renew a lease',
      timeoutMs,
      ...(abortSignal && { abortSignal }),
    });
    const answer = stdout.toString('utf8').trim();
    if (answer === 'renewed' || answer === 'ended') return;
    const reason =
      answer === 'unwatched' ? 'its watcher is gone, nobody enforces the lease' : `no lease in ${directory}`;
    throw new HostError('SUPERVISOR_LOST', `Cannot renew the lease of ${name}: ${reason}`);
  };

  const stop = async ({ graceMs = 4000, abortSignal }: StopSupervisedOptions = {}): Promise<void> => {
    const script = shellScript(
      stopSupervisedScript,
      killScript,
      directory,
      runId,
      bootId,
      isTrusted ? '1' : '',
      String(Math.max(0, Math.ceil(graceMs))),
      ...words([supervisor.pid, supervisor.startTime, command.pid, command.startTime]),
    );
    let answer: string;
    try {
      const options = { timeoutMs: graceMs + 60_000, ...(abortSignal && { abortSignal }) };
      answer = (await runChecked(host, script, options)).stdout.toString('utf8').trim();
    } catch (cause) {
      throw new HostError('KILL_NOT_CONFIRMED', `Cannot confirm that ${name} has ended: ${messageOf(cause)}`, {
        cause,
      });
    }
    if (answer === 'confirmed') return;
    throw new HostError('KILL_NOT_CONFIRMED', `Cannot confirm that ${name} has ended: ${answer || 'no answer'}`);
  };

  return {
    host,
    id,
    runId,
    pid: command.pid,
    output: { host, path: `${directory}/output`, beneath: dirname(dirname(directory)) },
    wasRunning,
    get exited() {
      if (exited === undefined) {
        exited = waitForExit({ host, directory, record, name });
        exited.catch(() => undefined);
      }
      return exited;
    },
    renewLease,
    stop,
  };
}

function words(values: readonly (string | number)[]): string[] {
  return values.map(String);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
