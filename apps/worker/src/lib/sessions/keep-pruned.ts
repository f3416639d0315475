import type { Store } from '@optio-ts/seed-engine';

import type { CommandContext } from '../commands/context.ts';
import { messageOf } from '../errors.ts';
import { pruneStore } from './prune-store.ts';

const DAY_MS = 86_400_000;

/** Where it is told how that goes. */
export interface KeepPrunedListeners {
  readonly info: (message: string) => void;
  readonly error: (message: string) => void;
}

/**
 * Removes what is older than `retention` of the configuration wants it, now and each day. One of several processes is first, and the others
 * find nothing.
 */
export function keepPruned(
  store: Store,
  { config, interrupts, places }: Pick<CommandContext, 'config' | 'interrupts' | 'places'>,
  { error: tellError, info }: KeepPrunedListeners,
): Disposable {
  const { retentionMs: olderThanMs } = config;
  if (olderThanMs === undefined) return { [Symbol.dispose]() {} };
  const { abortSignal } = interrupts;
  const prune = async (): Promise<void> => {
    try {
      const { removed } = await pruneStore({ store, logs: places.logs, olderThanMs, abortSignal });
      if (removed.length > 0) info(`removed what had ended and was old: ${removed.length}`);
    } catch (error) {
      // The next day is soon enough.
      if (!abortSignal.aborted) tellError(`what is old cannot be removed: ${messageOf(error)}`);
    }
  };
  void prune();
  const timer = setInterval(() => void prune(), DAY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
