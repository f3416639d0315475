import { setTimeout as delay } from 'node:timers/promises';

import { HostError } from './errors.ts';

/** Options of `outlastLink`. */
export interface OutlastLinkOptions {
  /** Ends the waiting; the last failure is thrown then. */
  readonly abortSignal?: AbortSignal;
  /** Milliseconds without a link after which the last failure is thrown. @default 300_000 */
  readonly limitMs?: number;
  /** Which failures are those of a link. @default `isLinkFault` */
  readonly isPassing?: (error: unknown) => boolean;
}

const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 5000;

/**
 * Does something on a host, again when the link was lost under it, until it has succeeded or failed for another reason. Only for
 * what may be done twice: the first time may have worked.
 */
export async function outlastLink<Value>(
  run: () => Promise<Value>,
  { abortSignal, limitMs = 300_000, isPassing = isLinkFault }: OutlastLinkOptions = {},
): Promise<Value> {
  let lostAt: number | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)) {
    try {
      return await run();
    } catch (error) {
      // From the first failure: what went on for an hour before it had a link.
      lostAt ??= performance.now();
      const isLate = performance.now() - lostAt + pauseMs > limitMs;
      if (isLate || abortSignal?.aborted === true || !isPassing(error)) throw error;
      await delay(pauseMs, undefined, abortSignal && { signal: abortSignal }).catch(() => {
        throw error;
      });
    }
  }
}

/** Whether an error says, or has for its cause, that the link to the host was lost or could not be made. */
export function isLinkFault(error: unknown): boolean {
  for (let current = firstError(error); current instanceof Error; current = firstError(current.cause)) {
    if (HostError.is(current) && (current.code === 'CONNECTION_LOST' || current.code === 'CONNECT_FAILED')) return true;
  }
  return false;
}

/** Whether a failure says that the host was not reached at all (`CONNECT_FAILED`): nothing of what was asked for has begun. */
export function isUnreached(error: unknown): boolean {
  return HostError.is(error) && error.code === 'CONNECT_FAILED';
}

/** What went wrong first, where the disposal of something failed because of it (`SuppressedError`): that one says nothing by itself. */
export function firstError(error: unknown): unknown {
  let first = error;
  while (first instanceof Error && 'suppressed' in first) first = first.suppressed;
  return first;
}
