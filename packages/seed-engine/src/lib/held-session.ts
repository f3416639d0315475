import { setTimeout as delay } from 'node:timers/promises';

import { SeedEngineError } from './errors.ts';
import type { CancelRequest, SessionDocument, SessionOutcomeRecord } from './session-document.ts';
import {
  checkOwner,
  getSessionDocument,
  releaseSession,
  renewSessionLease,
  sessionNotFound,
  updateSessionDocument,
  type SessionChange,
} from './session-store.ts';
import type { Store } from './store.ts';

/** Options of `holdSession`. */
export interface HoldSessionOptions {
  /** Milliseconds without a renewal after which another may take the session. @default 60_000 */
  readonly leaseMs?: number;
  /** Milliseconds between two looks for a requested cancel, and for another owner. @default 2000, or a quarter of the lease */
  readonly watchMs?: number;
  /** Milliseconds for which what the store refuses for the moment is tried again. @default 15_000 */
  readonly patienceMs?: number;
  /** Somebody, in any process, wants the session to end. Called once. */
  readonly onCancelRequest?: (request: CancelRequest) => void;
  /** A renewal failed, which is tried again: the store could not be reached. */
  readonly onFailure?: (error: unknown) => void;
}

/** A session that this process owns: its document kept current, its lease kept alive. */
export interface HeldSession extends AsyncDisposable {
  /** As it was read or written last. */
  readonly document: SessionDocument;
  /**
   * Aborted, with the error, once another owner has taken the session, or its document is gone. From then on nothing of it may be
   * touched: neither document nor agent nor directory.
   */
  readonly lost: AbortSignal;
  /** Changes the document, after the changes before it. Throws as `updateSessionDocument` does. */
  update(change: SessionChange | ((current: SessionDocument) => SessionChange)): Promise<SessionDocument>;
  /**
   * Makes sure that the session is still this process's, right before something that cannot be taken back: renews the lease, or,
   * where the store takes no writes, reads the document. Throws `SESSION_LEASE_LOST` and `SESSION_NOT_FOUND`, and what the store
   * throws when it cannot be asked for as long as the lease lasts.
   */
  confirm(options?: { readonly abortSignal?: AbortSignal }): Promise<void>;
  /** Writes the end, forgets the secrets and holds it no longer. */
  close(outcome: SessionOutcomeRecord): Promise<SessionDocument>;
  /** Stops renewing. With `give` another may take the session at once, else when the lease is over. Idempotent. */
  release(options?: { readonly give?: boolean }): Promise<void>;
}

const longestPauseMs = 2000;

/** Holds a session that was created or claimed by this process: renews its lease and looks for a requested cancel. */
export function holdSession(store: Store, session: SessionDocument, options: HoldSessionOptions = {}): HeldSession {
  const { leaseMs = 60_000, patienceMs = 15_000, onCancelRequest, onFailure } = options;
  const { watchMs = Math.min(2000, leaseMs / 4) } = options;
  const lost = new AbortController();
  let document = session;
  let isCancelTold = false;
  let renewedAt = performance.now();
  let queue: Promise<unknown> = Promise.resolve();
  let isReleased = false;

  const take = (read: SessionDocument): SessionDocument => {
    document = read;
    if (read.requestedCancel !== undefined && !isCancelTold) {
      isCancelTold = true;
      onCancelRequest?.(read.requestedCancel);
    }
    return read;
  };
  // One at a time: each starts from what the one before it has written.
  const inTurn = (work: () => Promise<SessionDocument>): Promise<SessionDocument> => {
    const done = queue.then(async () => {
      if (lost.signal.aborted) throw lost.signal.reason as Error;
      try {
        return take(await work());
      } catch (error) {
        if (isLoss(error)) {
          clearInterval(timer);
          lost.abort(error);
        }
        throw error;
      }
    });
    queue = done.catch(() => undefined);
    return done;
  };
  const renew = async (): Promise<SessionDocument> => {
    const renewed = await renewSessionLease(store, document, { leaseMs });
    renewedAt = performance.now();
    return renewed;
  };
  const read = async (): Promise<SessionDocument> => {
    const current = await getSessionDocument(store, session.id);
    if (current === undefined) throw sessionNotFound(store, session.id);
    checkOwner(current, session);
    return current;
  };

  let isLooking = false;
  const timer = setInterval(() => {
    // A store that takes long is not asked several times at once.
    if (isLooking) return;
    isLooking = true;
    const isDue = performance.now() - renewedAt >= leaseMs / 4;
    inTurn(isDue ? renew : read)
      .catch((error: unknown) => {
        if (isDue && !isLoss(error)) onFailure?.(error);
      })
      .finally(() => {
        isLooking = false;
      });
  }, watchMs);
  // The lease alone is no reason to keep a process alive.
  timer.unref();
  // What was asked for before it was held.
  queueMicrotask(() => take(document));

  const stop = async (): Promise<void> => {
    isReleased = true;
    clearInterval(timer);
    await queue;
  };
  const release = async ({ give = false }: { readonly give?: boolean } = {}): Promise<void> => {
    if (isReleased) return;
    await stop();
    if (give && !lost.signal.aborted) await inTurn(() => releaseSession(store, document));
  };
  return {
    get document() {
      return document;
    },
    lost: lost.signal,
    update: (change) =>
      inTurn(() => persist(patienceMs, undefined, () => updateSessionDocument(store, document, change))),
    confirm: async ({ abortSignal } = {}) => {
      await inTurn(() =>
        persist(leaseMs, abortSignal, async () => {
          try {
            return await renew();
          } catch (error) {
            if (isLoss(error)) throw error;
            return read();
          }
        }),
      );
    },
    close: async (outcome) => {
      const end: SessionChange = { state: 'ended', outcome, secrets: undefined };
      try {
        return await inTurn(() => persist(patienceMs, undefined, () => updateSessionDocument(store, document, end)));
      } finally {
        await stop();
      }
    },
    release,
    [Symbol.asyncDispose]: () => release(),
  };
}

function isLoss(error: unknown): boolean {
  return SeedEngineError.is(error) && (error.code === 'SESSION_LEASE_LOST' || error.code === 'SESSION_NOT_FOUND');
}

/** Tries again what a store refuses that is restarted, or whose disk is full, for a while. */
async function persist<Value>(
  patienceMs: number,
  abortSignal: AbortSignal | undefined,
  work: () => Promise<Value>,
): Promise<Value> {
  const startedAt = performance.now();
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await work();
    } catch (error) {
      const isPassing = SeedEngineError.is(error) && (error.code === 'STORE_FAILED' || error.code === 'STORE_BUSY');
      if (!isPassing || performance.now() - startedAt + pauseMs > patienceMs) throw error;
      await delay(pauseMs, undefined, abortSignal === undefined ? {} : { signal: abortSignal }).catch(() => {
        throw error;
      });
    }
  }
}
