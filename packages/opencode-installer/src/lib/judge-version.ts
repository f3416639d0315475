import type { RunResult } from '@optio-ts/host-core';

/** Decides from the output of `--version` whether a program works. */
export function judgeVersion(
  result: Pick<RunResult, 'exitCode' | 'signal'> & { readonly stdout: Uint8Array },
  expected?: string,
): { readonly version: string } | { readonly problem: string } {
  if (result.exitCode !== 0) {
    return {
      problem: `--version ended with ${result.exitCode === undefined ? (result.signal ?? 'no exit code') : `exit code ${result.exitCode}`}`,
    };
  }
  const output = Buffer.from(result.stdout).toString('utf8').trim();
  if (output === '') {
    return { problem: '--version printed nothing, as a build for another processor does' };
  }
  const version = readVersion(output);
  if (version === undefined) {
    return { problem: `--version printed no version but ${JSON.stringify(output.slice(0, 200))}` };
  }
  return expected === undefined || version === expected
    ? { version }
    : { problem: `--version printed ${version}, not ${expected}` };
}

/** The version in what a program printed: `1.18.33` of opencode, `ripgrep 15.0.0 (rev …)` of ripgrep. */
export function readVersion(output: string): string | undefined {
  return /(?:^|[\sv])(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)/.exec(output)?.[1];
}
