/** Options of `drainUntil`. */
export interface DrainUntilOptions {
  /** Whether there is nothing left to wait for. */
  readonly isDone: () => boolean;
  /** Calls back after every change, a single byte included, until the returned function is called. */
  readonly onChange: (listener: () => void) => () => void;
  /** Milliseconds without any change after which waiting is given up. */
  readonly patienceMs: number;
  /** Once aborted, waiting goes on for `hurryMs` at most, changes or not. */
  readonly hurry: AbortSignal;
  readonly hurryMs: number;
}

/** Waits for readers that still make progress. Resolves with whether everything is done. */
export function drainUntil({ isDone, onChange, patienceMs, hurry, hurryMs }: DrainUntilOptions): Promise<boolean> {
  if (isDone()) return Promise.resolve(true);
  return new Promise((resolve) => {
    let patience: NodeJS.Timeout | undefined;
    let last: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(patience);
      clearTimeout(last);
      hurry.removeEventListener('abort', hasten);
      stopListening();
      resolve(isDone());
    };
    const hasten = (): void => {
      last = setTimeout(finish, hurryMs);
    };
    const wait = (): void => {
      clearTimeout(patience);
      patience = setTimeout(finish, patienceMs);
    };
    const stopListening = onChange(() => {
      if (isDone()) finish();
      else wait();
    });
    wait();
    if (hurry.aborted) hasten();
    else hurry.addEventListener('abort', hasten, { once: true });
  });
}
