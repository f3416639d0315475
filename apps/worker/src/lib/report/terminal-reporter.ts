import { styleText } from 'node:util';

import ora from 'ora';

import { formatElapsed } from '../duration.ts';
import { printableLine } from '../printable.ts';
import { progressBar } from './figures.ts';
import { line, lineOf } from './line.ts';
import type { ReportLine } from './line.ts';
import type { Reporter } from './reporter.ts';
import { summaryLines } from './summary-lines.ts';

/** Reports to a person: one moving line for what is under way, lines above it for what stays. */
export function createTerminalReporter(options: {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}): Reporter {
  const { stderr, stdout } = options;
  const startedAt = performance.now();
  // `styleText` honours NO_COLOR; the spinner's own colours do not.
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    styleText(format, text, { stream: stderr });
  const hasColor = style('red', 'x') !== 'x';
  const spinner = ora({
    stream: stderr,
    color: hasColor ? 'cyan' : false,
    // Input stays as it is: Ctrl-C has to reach this process as a signal.
    discardStdin: false,
    isEnabled: true,
    suffixText: () => style('dim', formatElapsed(performance.now() - startedAt)),
  });

  function show(report: ReportLine | undefined): void {
    if (report === undefined) return;
    if (report.kind === 'progress' || report.kind === 'status') {
      spinner.text = momentText(report, stderr.columns ?? 80);
      if (!spinner.isSpinning) spinner.start();
      return;
    }
    const { format, symbol } = SYMBOLS[report.kind];
    persist(style(format, symbol), report.kind === 'agent' ? style('dim', report.text) : report.text);
  }

  function persist(symbol: string, text: string): void {
    const wasSpinning = spinner.isSpinning;
    const moment = spinner.text;
    spinner.stopAndPersist({ symbol, text, suffixText: '' });
    if (wasSpinning) spinner.start(moment);
  }

  return {
    event(event, savedTo) {
      show(lineOf(event, savedTo));
      if (event.type === 'live') show(line('progress', 'the agent is at work'));
    },
    step: (message) => show(line('progress', message)),
    note: (message) => show(line('info', message)),
    warning: (message) => show(line('warning', message)),
    summary(summary) {
      spinner.stop();
      const { details, headline } = summaryLines(summary);
      const { format, symbol } = SYMBOLS[summary.state === 'done' ? 'success' : 'error'];
      stderr.write(`${style(format, symbol)} ${headline}\n${style('dim', `  ${details.join(' · ')}`)}\n`);
      for (const path of summary.deliverables) stdout.write(`${path}\n`);
    },
    close: () => {
      spinner.stop();
    },
  };
}

/** The moving line: bar, figure, words, cut to one row so that it can be overwritten. */
export function momentText(report: ReportLine, columns: number): string {
  const bar = report.percent === undefined ? '' : `${progressBar(report.percent)} ${Math.round(report.percent)}% `;
  const who = report.kind === 'status' ? 'agent: ' : '';
  // Room for the spinner before and the time after it.
  return printableLine(`${bar}${who}${report.text}`, Math.max(20, columns - 16));
}

const SYMBOLS: Readonly<
  Record<
    Exclude<ReportLine['kind'], 'progress' | 'status'>,
    { readonly symbol: string; readonly format: 'dim' | 'cyan' | 'green' | 'yellow' | 'red' }
  >
> = {
  info: { symbol: '•', format: 'cyan' },
  agent: { symbol: '│', format: 'dim' },
  success: { symbol: '✔', format: 'green' },
  warning: { symbol: '!', format: 'yellow' },
  error: { symbol: '✖', format: 'red' },
};
