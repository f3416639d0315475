import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/**
 * Closes a run with `N passed, N failed, N skipped`, the line CI reads, and names every skipped test.
 * In CI a skipped test fails the run, unless its reason is in `SKIPS_ALLOWED` (comma-separated).
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], runReason: TestRunEndReason): void {
    const allowedSkips = (process.env['SKIPS_ALLOWED'] ?? '').split(',');
    const isStrict = process.env['CI'] !== undefined;
    let failed = unhandledErrors.length;
    let passed = 0;
    let skipped = 0;
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'failed') failedHere += 1;
        else if (result.state === 'passed') passed += 1;
        else {
          const reason = (result.state === 'skipped' ? result.note : undefined) ?? 'no reason given';
          if (isStrict && !allowedSkips.includes(reason)) process.exitCode = 1;
          console.log(`skipped: ${test.fullName} (${reason})`);
          skipped += 1;
        }
      }
      // A file that cannot be imported, or whose hook throws, has failed without a failed test.
      failed += failedHere === 0 && !module.ok() ? 1 : failedHere;
    }
    // So has a run whose global set-up throws, or that finds no test.
    if (failed === 0 && runReason === 'failed') failed = 1;
    process.once('exit', () => {
      console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    });
  }
}
