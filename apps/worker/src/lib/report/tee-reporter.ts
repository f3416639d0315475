import type { Reporter } from './reporter.ts';

/** Reports to several, in turn. */
export function teeReporter(reporters: readonly Reporter[]): Reporter {
  const each =
    <Args extends readonly unknown[]>(tell: (reporter: Reporter, ...args: Args) => void) =>
    (...args: Args): void => {
      for (const reporter of reporters) tell(reporter, ...args);
    };
  return {
    event: each((reporter, ...args: Parameters<Reporter['event']>) => reporter.event(...args)),
    step: each((reporter, message: string) => reporter.step(message)),
    note: each((reporter, message: string) => reporter.note(message)),
    warning: each((reporter, message: string) => reporter.warning(message)),
    summary: each((reporter, ...args: Parameters<Reporter['summary']>) => reporter.summary(...args)),
    close: each((reporter) => reporter.close()),
  };
}
