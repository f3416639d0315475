import { printableJson } from '../printable.ts';
import type { Reporter, ReportStream } from './reporter.ts';

/** Reports to a program: one JSON object per line, `type` first. */
export function createJsonReporter(options: { readonly stdout: ReportStream }): Reporter {
  const print = (value: object): void => {
    options.stdout.write(`${printableJson(value)}\n`);
  };
  return {
    event(event, savedTo) {
      // What cannot be written as JSON (the content of a deliverable) is a function and drops out by itself.
      const { type, ...rest } = event;
      print({ type, ...rest, ...(savedTo === undefined ? {} : { savedTo }) });
    },
    step: (message) => print({ type: 'step', message }),
    note: (message) => print({ type: 'note', message }),
    warning: (message) => print({ type: 'warning', code: 'WORKER', message }),
    summary: (summary) => print({ type: 'summary', ...summary }),
    close() {},
  };
}
