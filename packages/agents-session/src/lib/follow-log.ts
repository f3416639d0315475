import { dirname } from 'node:path/posix';
import { setTimeout as delay } from 'node:timers/promises';

import { LOG_FILE } from '@optio-ts/agents-prompt';
import { followLines, HostError } from '@optio-ts/host-core';
import type { FollowedLine, Host, HostErrorCode } from '@optio-ts/host-core';

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
}

// What a link may do that comes back. A host that was disposed, or refuses us, does not.
const TRANSIENT: readonly HostErrorCode[] = ['CONNECTION_LOST', 'CONNECT_FAILED', 'TIMEOUT'];

/** A line without its end counts after this long: an agent that forgot the newline is heard, one that is slow is not cut. */
const PARTIAL_LINE_MS = 3000;

const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 10_000;
const STEADY_MS = 30_000;

/**
 * Reads an agent's log line by line, across lost links, until a line ends it, `until` has resolved and the end is reached, or it
 * is aborted. Rejects when the log cannot be read any more.
 */
export async function followLog(options: FollowLogOptions): Promise<void> {
  const { host, workdir, abortSignal, onLine, onInterruption, until, pollMs, reconnectLimitMs } = options;
  let position = options.from;
  let lostSince: number | undefined;
  let pauseMs = FIRST_DELAY_MS;
  for (;;) {
    const startedAt = performance.now();
    try {
      const lines = followLines(
        // The agent may put a link in the workdir's place; its task directory it cannot.
        { host, path: `${workdir}/${LOG_FILE}`, beneath: dirname(workdir) },
        { ...position, abortSignal, until, partialLineMs: PARTIAL_LINE_MS, ...(pollMs !== undefined && { pollMs }) },
      );
      for await (const line of lines) {
        lostSince = undefined;
        pauseMs = FIRST_DELAY_MS;
        position = { generation: line.generation, offset: line.nextOffset };
        if (await onLine(line)) return;
        if (abortSignal.aborted) return;
      }
      return;
    } catch (error) {
      if (abortSignal.aborted) return;
      if (!(HostError.is(error) && TRANSIENT.includes(error.code))) throw error;
      // A link that held for a while was back, even if the agent had nothing to say meanwhile.
      if (performance.now() - startedAt > STEADY_MS) lostSince = undefined;
      if (lostSince === undefined) {
        lostSince = performance.now();
        onInterruption(messageOf(error));
      } else if (performance.now() - lostSince > reconnectLimitMs) throw error;
    }
    // An abort ends the pause; the next round then sees it.
    await delay(pauseMs, undefined, { signal: abortSignal }).catch(() => undefined);
    if (abortSignal.aborted) return;
    pauseMs = Math.min(pauseMs * 2, LAST_DELAY_MS);
  }
}
