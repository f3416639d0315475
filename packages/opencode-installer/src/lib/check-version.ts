import { shellScript } from '@optio-ts/host-core';
import type { Host, RunResult } from '@optio-ts/host-core';

import { OpencodeInstallError } from './errors.ts';

/** Options of `checkVersion`. */
export interface CheckVersionOptions {
  /** Absolute path of the program, on the host. */
  readonly path: string;
  /** What it must print. @default anything that looks like a version */
  readonly expected?: string | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/**
 * opencode makes its directories in the home even to say its version; with a throw-away home it makes them there.
 * A program that asks something gets an end of input.
 */
const script = `
home=$(mktemp -d) || exit 70
trap 'rm -rf "$home"' EXIT
HOME=$home XDG_CACHE_HOME=$home XDG_CONFIG_HOME=$home XDG_DATA_HOME=$home XDG_STATE_HOME=$home TMPDIR=$home "$1" --version </dev/null
`;

/** Far more than a cold start from a slow disk takes. */
const timeoutMs = 60_000;

/**
 * Runs `<path> --version` and returns the version that it prints. Throws `BINARY_BROKEN` for another exit code than 0, for no
 * output (what a build for another processor does, with exit code 0) and for another version than expected.
 */
export async function checkVersion(host: Host, options: CheckVersionOptions): Promise<string> {
  const { abortSignal, expected, path } = options;
  const result = await host.run(shellScript(script, path), {
    timeoutMs,
    maxOutputBytes: 64 * 1024,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  const verdict = judgeVersion(result, expected);
  if ('version' in verdict) return verdict.version;
  const stderr = result.stderr.subarray(-2048).toString('utf8').trim();
  throw new OpencodeInstallError(
    'BINARY_BROKEN',
    `${path} on ${host.description} does not work: ${verdict.problem}${stderr === '' ? '' : `\n\n${stderr}`}`,
  );
}

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
  // `1.18.33` of opencode, `ripgrep 15.0.0 (rev …)` of ripgrep.
  const version = /(?:^|[\sv])(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)/.exec(output)?.[1];
  if (version === undefined) {
    return { problem: `--version printed no version but ${JSON.stringify(output.slice(0, 200))}` };
  }
  return expected === undefined || version === expected
    ? { version }
    : { problem: `--version printed ${version}, not ${expected}` };
}
