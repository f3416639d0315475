/** Timers that end together. */
export interface Timers {
  after(milliseconds: number, action: () => void): void;
  /** No action is called any more. */
  close(): void;
}

/** Makes a set of timers. */
export function createTimers(): Timers {
  const armed = new Set<NodeJS.Timeout>();
  let isClosed = false;
  return {
    after(milliseconds, action) {
      if (isClosed) return;
      const timer = setTimeout(() => {
        armed.delete(timer);
        action();
      }, milliseconds);
      armed.add(timer);
    },
    close() {
      isClosed = true;
      for (const timer of armed) clearTimeout(timer);
    },
  };
}
