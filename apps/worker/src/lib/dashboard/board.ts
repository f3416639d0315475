import type { SessionView } from './session-view.ts';

/** Sessions as they are known at the moment, and who wants to hear of changes. */
export interface Board {
  get(id: string): SessionView | undefined;
  /** The newest first. */
  list(): readonly SessionView[];
  /** Puts a session's new look in the place of the old one. */
  set(view: SessionView): void;
  /** Changes a session; nothing where it is not known. */
  change(id: string, change: (view: SessionView) => SessionView): void;
  /** Calls with the id of each session that changes. */
  watch(listener: (id: string) => void): Disposable;
}

/** Creates an empty board. */
export function createBoard(): Board {
  const views = new Map<string, SessionView>();
  const listeners = new Set<(id: string) => void>();
  const set = (view: SessionView): void => {
    views.set(view.detail.id, view);
    for (const listener of listeners) listener(view.detail.id);
  };
  return {
    get: (id) => views.get(id),
    list: () => [...views.values()].toSorted((left, right) => right.detail.createdAt - left.detail.createdAt),
    set,
    change(id, change) {
      const view = views.get(id);
      if (view !== undefined) set(change(view));
    },
    watch(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => listeners.delete(listener) };
    },
  };
}
