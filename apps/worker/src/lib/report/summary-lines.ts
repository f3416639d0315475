import { formatDuration } from '../duration.ts';
import { printableLine } from '../printable.ts';
import type { TaskSummary } from './reporter.ts';

/** The closing words: one headline, then what somebody may want to refer to. */
export function summaryLines(summary: TaskSummary): {
  headline: string;
  details: readonly string[];
} {
  const message = summary.message === undefined ? '' : `: ${printableLine(summary.message, 1000)}`;
  const details = [`task ${summary.taskId}`];
  if (summary.sessionId !== undefined) details.push(`session ${summary.sessionId}`);
  if (summary.seedId !== undefined) details.push(`seed ${summary.seedId}`);
  return {
    headline: `${WORDS[summary.state]} after ${formatDuration(summary.durationMs)}${message}`,
    details,
  };
}

const WORDS: Readonly<Record<TaskSummary['state'], string>> = {
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  lost: 'lost',
};
