import { describe, expect, it } from 'vitest';

import type { LaunchReport } from './bootstrap.ts';
import { createLaunchScanner } from './launch-scanner.ts';

function scan(...chunks: readonly string[]) {
  const reports: LaunchReport[] = [];
  const scanner = createLaunchScanner('n0nce', (report) => reports.push(report));
  const output = chunks.map((chunk) => Buffer.from(scanner.filter(Buffer.from(chunk))).toString()).join('');
  return { reports, output, complaint: scanner.complaint(), hasExecFailed: scanner.hasExecFailed };
}

describe('createLaunchScanner', () => {
  it('hands over what follows the report and nothing before it', () => {
    expect(scan('sh: warning\nn0nce-g', 'o\nerr', 'or\n')).toMatchObject({ reports: ['go'], output: 'error\n' });
  });

  it('tells a refused launch', () => {
    expect(scan('n0nce-missing\n')).toMatchObject({ reports: ['missing'], output: '' });
  });

  it('tells a failed exec, with the shell’s words, and keeps both from the output', () => {
    expect(scan('n0nce-go\nsh: 1: exec: /x: Exec format error\nn0nce-exec\n')).toMatchObject({
      output: '',
      complaint: 'sh: 1: exec: /x: Exec format error',
      hasExecFailed: true,
    });
  });

  it('does not take a command’s own output for a report', () => {
    const { reports, output, hasExecFailed } = scan('n0nce-go\n', 'n0nce-missing\n');
    expect({ reports, output, hasExecFailed }).toEqual({
      reports: ['go'],
      output: 'n0nce-missing\n',
      hasExecFailed: false,
    });
  });

  it('keeps what a shell said that gave up without a report', () => {
    expect(scan('UID: readonly variable\n').complaint).toBe('UID: readonly variable');
  });
});
