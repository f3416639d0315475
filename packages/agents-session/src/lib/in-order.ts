/** Steps that are taken one after another, though some have to wait for an answer first and others come meanwhile. */
export interface InOrder {
  /** Takes the step now if nothing waits, after what waits otherwise. What it throws is lost: it must not. */
  add(step: () => void): void;
  /** The same for a step that takes its time. */
  addSlow(step: () => Promise<void>): void;
  /** Resolves when so few steps wait that another one may be added. */
  room(): Promise<void>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
}

/** Makes an `InOrder`, in which `most` steps may wait. */
export function createInOrder(most: number): InOrder {
  let waiting = 0;
  let tail: Promise<void> = Promise.resolve();
  let waiters: (() => void)[] = [];

  const addSlow = (step: () => Promise<void>): void => {
    waiting += 1;
    tail = tail.then(step).then(() => {
      waiting -= 1;
      const woken = waiters;
      waiters = [];
      for (const wake of woken) wake();
    });
  };
  const until = async (isReached: () => boolean): Promise<void> => {
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        waiters.push(resolve);
      });
    }
  };
  return {
    add: (step) => {
      if (waiting === 0) step();
      else addSlow(() => Promise.resolve().then(step));
    },
    addSlow,
    room: () => until(() => waiting < most),
    idle: () => until(() => waiting === 0),
  };
}
