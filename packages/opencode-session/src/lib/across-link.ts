import { isLinkFault, isUnreached, outlastLink } from '@optio-ts/host-core';
import { OpencodeError } from '@optio-ts/opencode-launcher';

import { messageOf } from './errors.ts';
import type { SessionEmit } from './session-emit.ts';

/** What a step of a start needs to be taken across a lost link. */
export interface AcrossLinkContext {
  readonly emit: SessionEmit;
  readonly abortSignal: AbortSignal;
}

/** Options of `acrossLink`. */
export interface AcrossLinkOptions {
  /** It is the first to reach the host: one that cannot be reached to begin with is tried again for a moment only. @default false */
  readonly isFirst?: boolean;
}

/** So often is a host tried again that was never reached: a name may be mistyped, and a login that is refused is counted there. */
const MOST_FIRST_TRIES = 2;

/** Takes one step of a start, again when the link was lost under it, and tells that once. Only for what may be done twice. */
export function acrossLink<Value>(
  { emit, abortSignal }: AcrossLinkContext,
  run: () => Promise<Value>,
  { isFirst = false }: AcrossLinkOptions = {},
): Promise<Value> {
  let isTold = false;
  let triesLeft = isFirst ? MOST_FIRST_TRIES : Infinity;
  return outlastLink(run, {
    abortSignal,
    isPassing: (error) => {
      if (!isLinkFault(error)) return false;
      if (!isUnreached(error)) triesLeft = Infinity;
      else if (triesLeft <= 0) return false;
      triesLeft -= 1;
      if (!isTold) emit({ type: 'warning', code: 'START_INTERRUPTED', message: `Trying again: ${messageOf(error)}` });
      isTold = true;
      return true;
    },
  });
}

/** Whether an error may come from a link that was lost under a forwarded port. */
export function isConnectionFault(error: unknown): boolean {
  return isLinkFault(error) || (OpencodeError.is(error) && PASSING.includes(error.code));
}

const PASSING: readonly string[] = ['CONNECTION_FAILED', 'REQUEST_TIMEOUT'];
