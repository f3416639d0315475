import type { Logger } from 'pino';

import { lineOf } from '../report/line.ts';
import type { Reporter } from '../report/reporter.ts';

/** Reports a task to a log: each event with its type, its session and the words that people would see. */
export function createLogReporter(log: Logger, taskId: string): Reporter {
  const child = log.child({ taskId });
  return {
    event(event, savedTo) {
      const line = lineOf(event, savedTo);
      if (line === undefined) return;
      const level = line.kind === 'warning' ? 'warn' : line.kind === 'progress' ? 'debug' : 'info';
      child[level]({ sessionId: event.sessionId, event: event.type }, line.text);
    },
    step: (message) => child.debug(message),
    note: (message) => child.info(message),
    warning: (message) => child.warn(message),
    summary(summary) {
      const { deliverables, durationMs, exitCode, message, sessionId, state } = summary;
      const level = state === 'done' ? 'info' : 'warn';
      child[level]({ sessionId, state, exitCode, durationMs: Math.round(durationMs), deliverables }, message ?? state);
    },
    close() {},
  };
}
