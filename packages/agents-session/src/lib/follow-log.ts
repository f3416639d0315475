import { dirname } from 'node:path/posix';
import { setTimeout as delay } from 'node:timers/promises';

import { LOG_FILE } from '@optio-ts/agents-prompt';
import { followLines, HostError } from '@optio-ts/host-core';
import type { FollowedLine, FollowInterruption, Host, HostErrorCode } from '@optio-ts/host-core';

import { messageOf } from './errors.ts';
import type { LogPosition } from './events.ts';

/** Options of `followLog`. */
export interface FollowLogOptions {
  readonly host: Host;
  readonly workdir: string;
  /** Where to begin. */
  readonly from: LogPosition;
  /** When it resolves, the log is read to its end and no further. */
  readonly until: Promise<unknown>;
  /** Ends the reading at once. */
  readonly abortSignal: AbortSignal;
  /** Milliseconds without a link before the log counts as lost. */
  readonly reconnectLimitMs: number;
  readonly pollMs?: number | undefined;
  /** Takes one line; `true` ends the reading. The next line waits until it has resolved. */
  readonly onLine: (line: FollowedLine) => Promise<boolean>;
  /** Told once each time that the link is lost. */
  readonly onInterruption: (message: string) => void;
  /** Told when another file lay in the log's place after a time in which nobody could look: what came and went is not known. */
  readonly onReplaced: () => void;
}

// What a link may do that comes back. A host that was disposed, or refuses us, does not.
const TRANSIENT: readonly HostErrorCode[] = ['CONNECTION_LOST', 'CONNECT_FAILED', 'TIMEOUT'];

/** A line without its end counts after this long: an agent that forgot the newline is heard, one that is slow is not cut. */
const PARTIAL_LINE_MS = 3000;

/** An event is about half of this late, at most all of it: a person who watches sees no delay. A look costs one `stat`. */
const POLL_MS = 20;

const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 10_000;

/**
 * Reads an agent's log line by line, across lost links, until a line ends it, `until` has resolved and the end is reached, or it
 * is aborted. Rejects when the log cannot be read any more.
 */
export async function followLog(options: FollowLogOptions): Promise<void> {
  const {
    host,
    workdir,
    from,
    abortSignal,
    onLine,
    onInterruption,
    onReplaced,
    until,
    pollMs = POLL_MS,
    reconnectLimitMs,
  } = options;
  const isPatient = async ({ error, failures, silentMs }: FollowInterruption): Promise<boolean> => {
    if (!(HostError.is(error) && TRANSIENT.includes(error.code))) return false;
    if (failures === 1) onInterruption(messageOf(error));
    else if (silentMs > reconnectLimitMs) return false;
    // An abort ends the pause, and with it the reading.
    await delay(Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), LAST_DELAY_MS), undefined, {
      signal: abortSignal,
    }).catch(() => undefined);
    return true;
  };
  const lines = followLines(
    // The agent may put a link in the workdir's place; its task directory it cannot.
    { host, path: `${workdir}/${LOG_FILE}`, beneath: dirname(workdir) },
    {
      ...from,
      abortSignal,
      until,
      pollMs,
      partialLineMs: PARTIAL_LINE_MS,
      onInterruption: isPatient,
      onRewritten: ({ wasUnwatched }) => {
        if (wasUnwatched) onReplaced();
      },
    },
  );
  for await (const line of lines) {
    if ((await onLine(line)) || abortSignal.aborted) return;
  }
}
