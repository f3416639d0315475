import type { SessionEnding } from './outcome.ts';

/** Everything that ended, or would have ended, a session. */
export interface Endings {
  /** In the order in which they came. A cancel of a session that is ending already is none of them. */
  readonly list: readonly SessionEnding[];
  /** Resolves with the first. */
  readonly first: Promise<SessionEnding>;
  /** Aborted with the first: what the session still starts up is to stop. */
  readonly signal: AbortSignal;
  /** Aborted when there is no time left for courtesy: by a cancel, the deadline, a loss. A DONE alone does not. */
  readonly hurry: AbortSignal;
  add(ending: SessionEnding): void;
}

const PATIENT: readonly SessionEnding['type'][] = ['done', 'error', 'exited'];

/** Collects the endings of one session. */
export function createEndings(): Endings {
  const list: SessionEnding[] = [];
  const { promise: first, resolve } = Promise.withResolvers<SessionEnding>();
  const ended = new AbortController();
  const hurry = new AbortController();
  return {
    list,
    first,
    signal: ended.signal,
    hurry: hurry.signal,
    add: (ending) => {
      const reason = new Error(`The session ended: ${ending.type}`);
      if (!PATIENT.includes(ending.type)) hurry.abort(reason);
      // What was told to `beforeStop`, and written down, stays: a cancel that comes later only takes its patience away.
      if (ending.type === 'cancelled' && ended.signal.aborted) return;
      list.push(ending);
      resolve(ending);
      ended.abort(reason);
    },
  };
}
