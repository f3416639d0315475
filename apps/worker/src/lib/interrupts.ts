/** The signals that ask a program to end, and the exit code that each stands for. */
export const INTERRUPT_EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that asks a program to end. */
type InterruptSignal = keyof typeof INTERRUPT_EXIT_CODES;

/** Ctrl-C and its relatives, counted. */
export interface Interrupts extends Disposable {
  /** The first one: end in good order. */
  readonly abortSignal: AbortSignal;
  /** Which signal came first; `undefined` while none did. */
  readonly first: InterruptSignal | undefined;
  /** Settles with the second one: end at once. */
  readonly forced: Promise<InterruptSignal>;
}

/** What `listenForInterrupts` needs of a process. */
interface SignalSource {
  on(signal: InterruptSignal, listener: () => void): unknown;
  off(signal: InterruptSignal, listener: () => void): unknown;
}

/** Options of `listenForInterrupts`. */
export interface ListenForInterruptsOptions {
  readonly source: SignalSource;
  /** Milliseconds on a clock that only goes forward. */
  readonly now: () => number;
}

// npx and pnpm pass on a Ctrl-C that this process has already had from the terminal: one key press arrives two or three times.
const SAME_PRESS_MS = 500;

/** Takes SIGINT, SIGTERM and SIGHUP from here on until it is disposed. */
export function listenForInterrupts(options: ListenForInterruptsOptions): Interrupts {
  const abort = new AbortController();
  const forced = Promise.withResolvers<InterruptSignal>();
  let first: { readonly signal: InterruptSignal; readonly at: number } | undefined;

  const listeners = (Object.keys(INTERRUPT_EXIT_CODES) as InterruptSignal[]).map((signal) => {
    const listener = (): void => {
      const at = options.now();
      if (first === undefined) {
        first = { signal, at };
        abort.abort(new DOMException(`Interrupted by ${signal}`, 'AbortError'));
      } else if (at - first.at >= SAME_PRESS_MS) forced.resolve(signal);
    };
    options.source.on(signal, listener);
    return { signal, listener };
  });

  return {
    abortSignal: abort.signal,
    get first() {
      return first?.signal;
    },
    forced: forced.promise,
    [Symbol.dispose]() {
      for (const { listener, signal } of listeners) options.source.off(signal, listener);
    },
  };
}
