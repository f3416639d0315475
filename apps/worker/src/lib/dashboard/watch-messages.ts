import type { Board } from './board.ts';
import type { WatchMessage } from './protocol.ts';
import { summaryOf } from './session-view.ts';

/** Options of `watchMessages`. */
export interface WatchMessagesOptions {
  readonly board: Board;
  /** The session whose page is open. @default none */
  readonly sessionId: string | undefined;
  /** Milliseconds that changes are collected for: an agent that floods its log must not flood the page. */
  readonly collectMs: number;
  /** Milliseconds of silence before a beat. */
  readonly beatMs: number;
  readonly abortSignal: AbortSignal;
}

/**
 * What one page gets to know: everything at first, then what changed. A reader that is slow misses nothing but what lies between:
 * changes are collected while it reads.
 *
 * @yields one message after the other, until `abortSignal`
 */
export async function* watchMessages(options: WatchMessagesOptions): AsyncGenerator<WatchMessage, void, undefined> {
  const { board, sessionId, collectMs, beatMs, abortSignal } = options;
  const changed = new Set<string>();
  let wake = (): void => undefined;
  using _ = board.watch((id) => {
    changed.add(id);
    wake();
  });
  const onAbort = (): void => wake();
  abortSignal.addEventListener('abort', onAbort);
  let nextLine = 0;
  let isKnown = false;

  const ofSession = (): WatchMessage | undefined => {
    if (sessionId === undefined) return undefined;
    const view = board.get(sessionId);
    if (view === undefined) return isKnown ? undefined : { type: 'unknown-session', id: sessionId };
    const isWhole = !isKnown;
    isKnown = true;
    const lines = view.lines.filter(({ number }) => number >= nextLine);
    nextLine = view.nextLine;
    return { type: 'session', isWhole, session: view.detail, lines };
  };

  try {
    yield { type: 'sessions', isWhole: true, sessions: board.list().map(summaryOf) };
    const first = ofSession();
    if (first !== undefined) yield first;
    while (!abortSignal.aborted) {
      if (changed.size === 0) {
        await pause(beatMs, (stop) => (wake = stop));
        if (abortSignal.aborted) return;
        if (changed.size === 0) {
          yield { type: 'beat' };
          continue;
        }
      }
      await pause(collectMs, (stop) => (wake = () => void (abortSignal.aborted && stop())));
      const ids = [...changed];
      changed.clear();
      const sessions = ids.flatMap((id) => board.get(id) ?? []).map(summaryOf);
      yield { type: 'sessions', isWhole: false, sessions };
      if (sessionId !== undefined && ids.includes(sessionId)) {
        const message = ofSession();
        if (message !== undefined) yield message;
      }
    }
  } finally {
    abortSignal.removeEventListener('abort', onAbort);
  }
}

/** Waits for so long, or until what `arm` gets is called. */
async function pause(ms: number, arm: (stop: () => void) => void): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(() => over.resolve(), ms);
  arm(() => over.resolve());
  await over.promise;
  clearTimeout(timer);
}
