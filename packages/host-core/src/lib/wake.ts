/** Something that happened, for one that waits. Racing promises that live long would keep every race in memory. */
export interface Wake {
  readonly call: () => void;
  /** Resolves at the next call, at once when there was one since the last time. */
  called(): Promise<void>;
}

/** Makes a `Wake`. */
export function createWake(): Wake {
  let wasCalled = false;
  let resume: (() => void) | undefined;
  return {
    call: () => {
      wasCalled = true;
      resume?.();
    },
    called: async () => {
      if (!wasCalled) await new Promise<void>((resolve) => (resume = resolve));
      resume = undefined;
      wasCalled = false;
    },
  };
}
