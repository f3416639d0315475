import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';

import { createJsonReporter } from './json-reporter.ts';
import { createPlainReporter } from './plain-reporter.ts';
import { createTerminalReporter } from './terminal-reporter.ts';

/** How a task ended and what is left of it. */
export interface TaskSummary {
  readonly state: 'done' | 'failed' | 'cancelled' | 'lost';
  /** What the agent said at the end, or why there is none. May come from the agent. */
  readonly message: string | undefined;
  readonly exitCode: number;
  readonly taskId: string;
  readonly sessionId: string | undefined;
  readonly seedId: string | undefined;
  readonly outputDirectory: string;
  /** Absolute paths of what was delivered, in the order of delivery. */
  readonly deliverables: readonly string[];
  /** Milliseconds from start to end. */
  readonly durationMs: number;
}

/** Shows how a task goes, to a person or to a program. Everything it is given may come from an agent. */
export interface Reporter {
  /** `savedTo` is the path of a deliverable on this machine. */
  event(event: OpencodeSessionEvent, savedTo?: string): void;
  /** Something of ours that is under way, before there is a session. */
  step(message: string): void;
  /** Something of ours that the person should know. */
  note(message: string): void;
  /** Something that went wrong and did not end the task. */
  warning(message: string): void;
  /** The end. Nothing may be reported after it. */
  summary(summary: TaskSummary): void;
  /** Ends the display without a summary, so that an error can be printed. Idempotent. */
  close(): void;
}

/** A stream to print to. */
export interface ReportStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): boolean;
}

/** Where and how to report. */
export interface CreateReporterOptions {
  /** `json`: one JSON object per line on stdout. `human`: progress on stderr, paths of deliverables on stdout. */
  readonly format: 'human' | 'json';
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The time of a line. @default the clock's */
  readonly now?: () => Date;
}

/** Chooses how to report: JSON where asked for, a spinner on a terminal, lines with the time otherwise. */
export function createReporter(options: CreateReporterOptions): Reporter {
  const { env, format, now = () => new Date(), stderr, stdout } = options;
  if (format === 'json') return createJsonReporter({ stdout });
  return isInteractive(stderr, env)
    ? createTerminalReporter({ stderr, stdout })
    : createPlainReporter({ stderr, stdout, now });
}

/** A terminal that can move its cursor, with somebody before it. */
export function isInteractive(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && env['TERM'] !== 'dumb' && env['CI'] === undefined;
}
