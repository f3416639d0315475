import { within } from './bounded.ts';
import type { Endings } from './endings.ts';
import { messageOf } from './errors.ts';

/** A session that belongs to one worker at a time. `HeldSession` of `@optio-ts/seed-engine` is one. */
export interface SessionLease {
  /** Aborted, with the error, once another worker has the session. */
  readonly lost: AbortSignal;
  /** Rejects when the session is another's, or when nobody can say whose it is. */
  readonly confirm: (options: { readonly abortSignal: AbortSignal }) => Promise<unknown>;
}

/** Watches over a lease for one session. */
export interface Ownership {
  /**
   * Whether the session is still this worker's, asked for right before something that cannot be taken back. When it is not, that
   * is an ending, and stays so.
   */
  check(): Promise<boolean>;
  /** Watches no longer. */
  close(): void;
}

/** Milliseconds until a store must have said whose session it is. */
const CONFIRM_MS = 300_000;

/** Creates the watch. Without a lease the session is always ours. */
export function watchOwnership(lease: SessionLease | undefined, endings: Endings): Ownership {
  if (lease === undefined) return { check: () => Promise.resolve(true), close: () => undefined };
  const { lost } = lease;
  const watching = new AbortController();
  let isDisowned = false;
  const disown = (isTaken: boolean, error: unknown): void => {
    if (isDisowned) return;
    isDisowned = true;
    endings.add({ type: 'disowned', isTaken, message: messageOf(error), error });
  };
  const onLost = (): void => disown(true, lost.reason);
  if (lost.aborted) onLost();
  else lost.addEventListener('abort', onLost, { once: true });
  return {
    check: async () => {
      if (isDisowned) return false;
      try {
        const confirming = lease.confirm({ abortSignal: watching.signal }).then(() => true);
        if ((await within(confirming, CONFIRM_MS)) === undefined) {
          disown(lost.aborted, new Error(`Nobody said within ${CONFIRM_MS} ms whose session it is`));
        }
      } catch (error) {
        disown(lost.aborted, error);
      }
      return !isDisowned;
    },
    close: () => {
      watching.abort();
      lost.removeEventListener('abort', onLost);
    },
  };
}
