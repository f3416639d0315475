import { pino } from 'pino';
import type { Logger } from 'pino';

import type { ReportStream } from '../report/reporter.ts';
import type { Redactor } from './redactor.ts';

/** Options of `createLog`. */
export interface CreateLogOptions {
  readonly stream: ReportStream;
  readonly redactor: Redactor;
  /** Stands in each line. */
  readonly worker: string;
}

/** A log of one JSON object per line, with the time in words, for programs that collect logs. No secret is in it. */
export function createLog({ redactor, stream, worker }: CreateLogOptions): Logger {
  return pino(
    {
      base: { worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // By name too: what is called so is none of a log's business.
      redact: {
        paths: ['password', 'apiKey', 'authorization', '*.password', '*.apiKey', '*.authorization'],
        censor: '[redacted]',
      },
      hooks: { streamWrite: (line) => redactor.redact(line) },
    },
    { write: (line: string) => void stream.write(line) },
  );
}
