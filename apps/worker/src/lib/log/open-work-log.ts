import { printableLine } from '../printable.ts';
import { createNamedReporter } from '../report/named-reporter.ts';
import type { Reporter, ReportStream } from '../report/reporter.ts';
import { createLog } from './create-log.ts';
import { createLogReporter } from './log-reporter.ts';
import { createRedactor } from './redactor.ts';
import type { Redactor } from './redactor.ts';

/** What a worker says about itself and its tasks. */
export interface WorkLog {
  /** Takes secrets out of all of it. */
  readonly redactor: Redactor;
  readonly info: (message: string) => void;
  readonly error: (message: string) => void;
  reporterFor(taskId: string): Reporter;
}

/** How and where a worker logs. */
export interface OpenWorkLogOptions {
  /** Events of tasks as JSON on stdout. */
  readonly json?: boolean;
  /** Lines for people, or JSON lines on stderr for what collects logs. @default 'plain' */
  readonly log?: 'plain' | 'json';
}

/** Opens the log of a worker. */
export function openWorkLog(
  worker: string,
  { json, log = 'plain' }: OpenWorkLogOptions,
  streams: { readonly stdout: ReportStream; readonly stderr: ReportStream },
): WorkLog {
  const redactor = createRedactor();
  if (log === 'json') {
    const logger = createLog({ stream: streams.stderr, redactor, worker });
    return {
      redactor,
      info: (message) => logger.info(message),
      error: (message) => logger.error(printableLine(message)),
      reporterFor: (taskId) => createLogReporter(logger, taskId),
    };
  }
  const clean = (stream: ReportStream): ReportStream => ({ write: (text) => stream.write(redactor.redact(text)) });
  const [stdout, stderr] = [clean(streams.stdout), clean(streams.stderr)];
  const say = (message: string): void => {
    stderr.write(`optio: ${printableLine(message)}\n`);
  };
  return {
    redactor,
    info: say,
    error: say,
    reporterFor: (taskId) => createNamedReporter(taskId, { stdout, stderr, json }),
  };
}
