import { formatTime } from './figures.ts';
import { line, lineOf } from './line.ts';
import type { ReportLine } from './line.ts';
import type { Reporter, ReportStream } from './reporter.ts';
import { summaryLines } from './summary-lines.ts';

/** Reports to a log: lines with the time on stderr, paths of deliverables on stdout. */
export function createPlainReporter(options: {
  readonly stdout: ReportStream;
  readonly stderr: ReportStream;
  readonly now: () => Date;
}): Reporter {
  const isNews = createNewsFilter();

  function print(report: ReportLine | undefined): void {
    if (report === undefined || !isNews(report)) return;
    const percent = report.percent === undefined ? '' : `${Math.round(report.percent)}% `;
    write(`${PREFIXES[report.kind]}${percent}${report.text}`);
  }
  function write(text: string): void {
    options.stderr.write(`${formatTime(options.now())} ${text}\n`);
  }

  return {
    event: (event, savedTo) => print(lineOf(event, savedTo)),
    step: (message) => print(line('progress', message, { step: message })),
    note: (message) => print(line('info', message)),
    warning: (message) => print(line('warning', message)),
    summary(summary) {
      const { details, headline } = summaryLines(summary);
      write(`${headline} (${details.join(', ')})`);
      for (const path of summary.deliverables) options.stdout.write(`${path}\n`);
    },
    close() {},
  };
}

/** Of the many stages of one step (a download) lets a few pass: a log is read later, and by people. */
function createNewsFilter(): (report: ReportLine) => boolean {
  let last: { readonly key: string; readonly quarter: number } | undefined;
  return (report) => {
    if (report.kind !== 'progress' && report.kind !== 'status') return true;
    const key =
      report.percent === undefined || report.kind === 'status' ? `${report.step}\n${report.text}` : report.step;
    const quarter = Math.floor((report.percent ?? 0) / 25);
    if (last?.key === key && quarter <= last.quarter) return false;
    last = { key, quarter };
    return true;
  };
}

const PREFIXES: Readonly<Record<ReportLine['kind'], string>> = {
  progress: '',
  status: 'agent: ',
  info: '',
  agent: 'agent: ',
  success: '',
  warning: 'warning: ',
  error: 'error: ',
};
