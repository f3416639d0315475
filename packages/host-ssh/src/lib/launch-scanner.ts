import { parseReport, type LaunchReport } from './bootstrap.ts';
import { createMarkScanner } from './marked-stream.ts';

/** Reads what a shell says of a launch out of a command's standard error. */
export interface LaunchScanner {
  /** Returns what of the chunk is the command's own. */
  filter(chunk: Uint8Array): Uint8Array;
  /** What the shell complained of before it gave up, for messages. */
  complaint(): string;
  /** Whether the program was there and the system could not run it all the same. */
  readonly hasExecFailed: boolean;
}

const nothing = new Uint8Array(0);

/** Bytes in which a failed exec can still be told: the shell writes it in one piece, before anything else. */
const execReportBytes = 8192;

/** Makes a scanner; `onReport` is called once, when the shell has said how the launch went. */
export function createLaunchScanner(nonce: string, onReport: (report: LaunchReport) => void): LaunchScanner {
  const scanner = createMarkScanner(nonce);
  const execMark = Buffer.from(`${nonce}-exec\n`, 'latin1');
  let hasStarted = false;
  let hasExecFailed = false;
  let seen = 0;
  let complaint = '';

  const afterStart = (chunk: Uint8Array): Uint8Array => {
    if (seen > execReportBytes || chunk.byteLength === 0) return chunk;
    seen += chunk.byteLength;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const at = bytes.indexOf(execMark);
    if (at === -1) return chunk;
    hasExecFailed = true;
    complaint = bytes.toString('utf8', 0, at).trim();
    return nothing;
  };

  return {
    filter(chunk) {
      if (hasStarted) return afterStart(chunk);
      const found = scanner.push(chunk);
      if (!found) return nothing;
      const report = parseReport(found.line);
      if (report === undefined) return nothing;
      hasStarted = true;
      complaint = found.before.toString('utf8').trim();
      onReport(report);
      return afterStart(found.rest);
    },
    complaint: () => complaint || scanner.seen().toString('utf8').trim(),
    get hasExecFailed() {
      return hasExecFailed;
    },
  };
}
