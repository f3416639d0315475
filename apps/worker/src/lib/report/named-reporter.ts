import { createJsonReporter } from './json-reporter.ts';
import { createPlainReporter } from './plain-reporter.ts';
import type { Reporter, ReportStream } from './reporter.ts';

/** Reports one of several tasks that run at the same time: lines that name it, or JSON. */
export function createNamedReporter(
  name: string,
  options: { readonly stdout: ReportStream; readonly stderr: ReportStream; readonly json: boolean | undefined },
): Reporter {
  const { json, stderr, stdout } = options;
  if (json === true) return createJsonReporter({ stdout });
  return createPlainReporter({
    stdout,
    stderr: { write: (text) => stderr.write(text.replace(/^(\d\d:\d\d:\d\d )/, `$1${name}: `)) },
    now: () => new Date(),
  });
}
