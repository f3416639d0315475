import type { OpencodeSession } from '@optio-ts/opencode-session';
import { getSessionDocument } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';

const LOOK_MS = 1000;

/** Ends a session when its document says that somebody wants it to: sooner than the session itself looks there. */
export function watchCancel(store: Store, session: Pick<OpencodeSession, 'cancel' | 'id'>): Disposable {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    try {
      const request = (await getSessionDocument(store, session.id))?.requestedCancel;
      if (request !== undefined) {
        isOver = true;
        await session.cancel(request.reason);
      }
    } catch {
      // Said by the session, which keeps its document current, and tells its own outcome.
    }
    if (!isOver) timer = setTimeout(() => void look(), LOOK_MS).unref();
  };
  timer = setTimeout(() => void look(), LOOK_MS).unref();
  return {
    [Symbol.dispose]() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
