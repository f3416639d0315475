import { HostError, shellScript } from '@optio-ts/host-core';
import type { Host, RunResult } from '@optio-ts/host-core';

import { OpencodeInstallError } from './errors.ts';
import { judgeVersion } from './judge-version.ts';

/** Options of `checkVersion`. */
export interface CheckVersionOptions {
  /** Absolute path of the program, on the host. */
  readonly path: string;
  /** What it must print. @default anything that looks like a version */
  readonly expected?: string | undefined;
  /**
   * Absolute path of a directory that does not exist yet, for the program's throw-away home: somewhere that is cleaned up
   * when the trial is cut off. @default a temporary one
   */
  readonly home?: string;
  /** Absolute path of a file that keeps what was printed. @default none */
  readonly record?: string | undefined;
  /** @default 60000, far more than a cold start from a slow disk takes */
  readonly timeoutMs?: number;
  readonly abortSignal?: AbortSignal | undefined;
}

/**
 * opencode makes its directories in the home even to say its version; with a throw-away home it makes them there.
 * A program that asks something gets an end of input. The shell outlives a TERM that ends the program, to clean up.
 */
const script = `
home=$2
if [ -n "$home" ]; then mkdir -m 700 -- "$home" || exit 70; else home=$(mktemp -d) || exit 70; fi
cleanup() { trap '' TERM INT HUP; rm -rf "$home"; }
trap cleanup EXIT
trap 'cleanup; exit 143' TERM INT HUP
run() { HOME=$home XDG_CACHE_HOME=$home XDG_CONFIG_HOME=$home XDG_DATA_HOME=$home XDG_STATE_HOME=$home TMPDIR=$home "$1" --version </dev/null; }
[ -n "$3" ] || { run "$1"; exit; }
run "$1" >"$3"
code=$?
cat "$3"
exit $code
`;

/**
 * Runs `<path> --version` and returns the version that it prints. Throws `BINARY_BROKEN` for another exit code than 0, for no
 * output (what a build for another processor does, with exit code 0), for another version than expected, and for no end.
 */
export async function checkVersion(host: Host, options: CheckVersionOptions): Promise<string> {
  const { abortSignal, expected, home = '', path, record = '', timeoutMs = 60_000 } = options;
  const broken = (problem: string, cause?: unknown): OpencodeInstallError =>
    new OpencodeInstallError('BINARY_BROKEN', `${path} on ${host.description} does not work: ${problem}`, { cause });
  let result: RunResult;
  try {
    result = await host.run(shellScript(script, path, home, record), {
      timeoutMs,
      maxOutputBytes: 64 * 1024,
      ...(abortSignal === undefined ? {} : { abortSignal }),
    });
  } catch (error) {
    if (HostError.is(error) && error.code === 'TIMEOUT') {
      throw broken(`--version did not end within ${timeoutMs} ms`, error);
    }
    throw error;
  }
  const verdict = judgeVersion(result, expected);
  if ('version' in verdict) return verdict.version;
  const stderr = result.stderr.subarray(-2048).toString('utf8').trim();
  throw broken(`${verdict.problem}${stderr === '' ? '' : `\n\n${stderr}`}`);
}
