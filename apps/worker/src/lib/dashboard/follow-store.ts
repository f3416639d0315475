import { listSessionDocuments } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';

import { messageOf } from '../errors.ts';
import type { Board } from './board.ts';
import { viewOfDocument } from './session-view.ts';

/** Options of `followStore`. */
export interface FollowStoreOptions {
  readonly store: Store;
  readonly board: Board;
  /** Milliseconds between two looks, while somebody watches. */
  readonly everyMs: number;
  /** The store could not be read; it is looked at again. Called once until it can be. */
  readonly onFailure: (message: string) => void;
}

/** Knows of sessions that run elsewhere. */
export interface StoreFollower extends Disposable {
  /** Looks once, now. */
  look(): Promise<void>;
  /** Looks again and again until it is disposed. */
  attend(): Disposable;
}

/** So many of the newest sessions are shown. */
const MOST_SESSIONS = 500;

/** Keeps the sessions of other processes on the board. Those of this process tell of themselves. */
export function followStore(options: FollowStoreOptions): StoreFollower {
  const { store, board, everyMs, onFailure } = options;
  const revisions = new Map<string, number>();
  let watchers = 0;
  let timer: NodeJS.Timeout | undefined;
  let under: Promise<void> | undefined;
  let hasFailed = false;

  const read = async (): Promise<void> => {
    try {
      for await (const document of listSessionDocuments(store, { limit: MOST_SESSIONS })) {
        if (revisions.get(document.id) === document.revision) continue;
        revisions.set(document.id, document.revision);
        if (board.get(document.id)?.detail.isHere !== true) board.set(viewOfDocument(document));
      }
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) onFailure(`The sessions of other processes cannot be read: ${messageOf(error)}`);
      hasFailed = true;
    }
  };
  // Never two at once: a slow store is not asked the more often for it.
  const look = (): Promise<void> => {
    under ??= read().finally(() => {
      under = undefined;
    });
    return under;
  };
  const again = (): void => {
    const own = setTimeout(() => {
      void look().then(() => {
        // Unless nobody watches any more, or somebody began again meanwhile.
        if (timer === own) again();
      });
    }, everyMs);
    timer = own;
  };
  const stop = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };

  return {
    look,
    attend() {
      watchers += 1;
      if (watchers === 1) again();
      let isOver = false;
      return {
        [Symbol.dispose]() {
          if (isOver) return;
          isOver = true;
          watchers -= 1;
          if (watchers === 0) stop();
        },
      };
    },
    [Symbol.dispose]() {
      watchers = Number.NEGATIVE_INFINITY;
      stop();
    },
  };
}
