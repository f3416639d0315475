/** Steps that are taken one after another, though some have to wait for an answer first and others come meanwhile. */
export interface InOrder {
  /** Takes the step now if nothing waits, after what waits otherwise; then its weight counts. It must not throw. */
  add(step: () => void, weight: number): void;
  /** The same for a step that takes its time. */
  addSlow(step: () => Promise<void>, weight: number): void;
  /** Resolves when so little waits that another step may be added. */
  room(): Promise<void>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
}

/** Makes an `InOrder`, in which steps of a weight of `most` together may wait. */
export function createInOrder(most: number): InOrder {
  let waiting = 0;
  let heavy = 0;
  let tail: Promise<void> = Promise.resolve();
  let waiters: (() => void)[] = [];

  const addSlow = (step: () => Promise<void>, weight: number): void => {
    waiting += 1;
    heavy += weight;
    tail = tail.then(step).then(() => {
      waiting -= 1;
      heavy -= weight;
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
    add: (step, weight) => {
      if (waiting === 0) step();
      else addSlow(() => Promise.resolve().then(step), weight);
    },
    addSlow,
    room: () => until(() => heavy < most),
    idle: () => until(() => waiting === 0),
  };
}
