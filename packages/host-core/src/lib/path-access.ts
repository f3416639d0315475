import { isAbsolute, normalize } from 'node:path/posix';

import { HostError } from './errors.ts';
import type { HostErrorCode } from './errors.ts';
import { hereFunction } from './here-script.ts';
import type { Host, RunResult } from './host.ts';
import { describeExit, outputTail } from './run-checked.ts';

/** Options of what reads or writes one place on a host. */
export interface PathOptions {
  /**
   * A directory that is trusted, at or above the path. Between it and the path no symbolic link is followed: whoever may
   * write there cannot lead us out. Throws `PATH_REFUSED` where one stands in the way.
   * @default links are followed
   */
  readonly beneath?: string;
  /** Ends it, on the far side too. */
  readonly abortSignal?: AbortSignal;
}

/** Exit codes of scripts that start with `enterScript`; chosen away from what cat, tar and the shell use. */
export const pathExitCodes: Readonly<Record<'link' | 'notDirectory' | 'notFound' | 'notRegular', number>> = {
  notFound: 44,
  link: 45,
  notRegular: 46,
  notDirectory: 47,
};

/** Seconds for a file to be opened: a disk may have to be woken first, or a network asked. */
const openLimitSeconds = 10;

/**
 * Shell functions in front of a script that touches one place on a host.
 *
 * - `enter DIRECTORY BENEATH` changes into a directory. With BENEATH it compares where it got to with where it wanted to
 *   get: a link on the way, also one put there this very moment, makes the two differ, and a directory that is the current
 *   one cannot be exchanged any more.
 * - `make_and_enter DIRECTORY BENEATH` does the same and makes what is missing on the way, step by step.
 * - `open_regular NAME BENEATH` opens a regular file of the current directory as descriptor 3 and, with BENEATH, compares
 *   what was opened in the same way. A pipe that took the file's place since it was looked at would be waited for without
 *   an end, and a shell cannot open without waiting: a guard ends it. A signal for the guard is lost as long as it has no trap
 *   of its own, and then it would end what reads for long: it is waited for until it closes its output, with the trap set.
 *   Nothing may be in the background before.
 * - `describe PATH` prints mode (hexadecimal), size and modification time.
 */
export const enterScript: string = `${hereFunction}
lost() { [ -e "$1" ] || [ -L "$1" ] || exit ${pathExitCodes.notFound}; exit ${pathExitCodes.notDirectory}; }
enter() {
  if [ -n "$2" ]; then
    cd -- "$2" 2>/dev/null || lost "$2"
    base=$(pwd -P)
  fi
  cd -- "$1" 2>/dev/null || lost "$1"
  [ -z "$2" ] || [ "$(here)" = "$base\${1#"$2"}" ] || exit ${pathExitCodes.link}
}
make_and_enter() {
  if [ -z "$2" ]; then mkdir -p -- "$1" || exit; fi
  if [ -z "$2" ] || [ -d "$1" ]; then enter "$1" "$2"; return; fi
  mkdir -p -- "$2" || exit
  enter "$2" ''
  at=$(pwd -P) rest=\${1#"$2"}/
  while rest=\${rest#/}; [ -n "$rest" ]; do
    at=\${at%/}/\${rest%%/*}
    [ -d "./\${rest%%/*}" ] || mkdir "./\${rest%%/*}" || [ -d "./\${rest%%/*}" ] || exit
    cd "./\${rest%%/*}" || exit
    [ "$(here)" = "$at" ] || exit ${pathExitCodes.link}
    rest=\${rest#*/}
  done
}
open_regular() {
  if [ -n "$2" ] && [ -L "./$1" ]; then exit ${pathExitCodes.link}; fi
  [ -e "./$1" ] || [ -L "./$1" ] || exit ${pathExitCodes.notFound}
  [ -f "./$1" ] || exit ${pathExitCodes.notRegular}
  guard=$(
    (
      trap 'kill -KILL "$!"; exit' TERM
      exec >/dev/null
      sleep ${openLimitSeconds} 3>&- &
      wait "$!" && { echo 'it cannot be opened: that does not end, as of a pipe' >&3; kill -KILL $$; }
    ) </dev/null 3>&2 2>/dev/null &
    echo $!
  )
  { command exec 3<"./$1"; } || { kill $guard; exit 1; }
  kill $guard
  if [ -n "$2" ] && [ -e /proc/self/fd/3 ]; then
    [ "$(readlink /proc/self/fd/3)" = "$(here)/$1" ] || exit ${pathExitCodes.link}
  fi
}
describe() {
  stat $2 -c '%f %s %Y' -- "$1" 2>/dev/null || stat $2 -f '%Xp %z %m' -- "$1"
}
`;

/** Checks and normalizes an absolute path of a host: no `..` and no trailing slash is left. A `TypeError` otherwise. */
export function checkPath(path: string, name = 'path'): string {
  if (typeof path !== 'string' || !isAbsolute(path) || path.includes('\0')) {
    throw new TypeError(`${name} must be an absolute path, not ${JSON.stringify(path)}`);
  }
  const normal = normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** Checks `beneath`; the empty string stands for "links are followed". */
export function checkBeneath(path: string, beneath: string | undefined): string {
  if (beneath === undefined) return '';
  const ancestor = checkPath(beneath, 'beneath');
  if (ancestor === '/') throw new TypeError('beneath must be a directory below /');
  if (path !== ancestor && !path.startsWith(`${ancestor}/`))
    throw new TypeError('beneath must be at or above the path');
  return ancestor;
}

/** Whether a script ended because the path is not there. */
export function isMissing(result: Pick<RunResult, 'exitCode'>): boolean {
  return result.exitCode === pathExitCodes.notFound;
}

/**
 * The error of a script that starts with `enterScript` and did not end with 0: `Cannot <what> on <host>: <reason>`.
 * What is no matter of the path gets the code `otherwise`.
 */
export function pathError(
  host: Pick<Host, 'description'>,
  what: string,
  result: Pick<RunResult, 'exitCode' | 'signal' | 'stderr'>,
  otherwise: 'ARCHIVE_FAILED' | 'READ_FAILED' | 'WRITE_FAILED',
): HostError {
  const message = (reason: string): string => `Cannot ${what} on ${host.description}: ${reason}`;
  const known = reasons[result.exitCode ?? 0];
  if (known !== undefined) return new HostError(known.code, message(known.reason));
  const stderr = outputTail(result.stderr);
  const reason = stderr === '' ? `the script ${describeExit(result)}` : stderr;
  return new HostError(/permission denied/i.test(stderr) ? 'PERMISSION_DENIED' : otherwise, message(reason));
}

const reasons: Readonly<Record<number, { readonly code: HostErrorCode; readonly reason: string }>> = {
  [pathExitCodes.notFound]: { code: 'NOT_FOUND', reason: 'no such file or directory' },
  [pathExitCodes.link]: { code: 'PATH_REFUSED', reason: 'a symbolic link is in the way' },
  [pathExitCodes.notRegular]: { code: 'PATH_REFUSED', reason: 'not a regular file' },
  [pathExitCodes.notDirectory]: { code: 'PERMISSION_DENIED', reason: 'not a directory one can enter' },
};
