import type { Command } from '@optio-ts/host-core';

/**
 * The program of a primed shell: constant text, the only thing that a login shell ever parses. It holds no single quote, `!`,
 * backslash or newline, so that between single quotes fish, tcsh, csh, zsh and every POSIX shell read it alike.
 *
 * It makes itself the leader of a process group where the server did not (dropbear), says on both streams that it is ready,
 * and then waits for one line, which it evaluates: see `composeLaunch`. Its end of input before that line is its end.
 *
 * Variables carry the prefix `o_`, since whatever the host's environment exports under a name used here would reach commands
 * changed. Nothing of what the shell itself sets is exported.
 */
const program = [
  'o_n=$OPTIO_SSH_NONCE;',
  // Pid, group and start time identify the process when it has to be ended. 20 is field 22 behind the name in brackets.
  'if { read -r o_s </proc/$$/stat; } 2>/dev/null; then o_s=${o_s##*) }; set -- $o_s; o_g=$3; o_t=${20}; else o_g=$$; o_t=0; fi;',
  'if [ "$o_g" -ne $$ ] && command -v setsid >/dev/null; then exec setsid sh -c "$OPTIO_SSH_BOOT"; fi;',
  // Where commands start that name no directory, wherever an rc file went.
  'unset OPTIO_SSH_BOOT OPTIO_SSH_NONCE; cd >/dev/null 2>&1;',
  'o_f() { echo "$o_n-$1" >&2; exit 125; };',
  // cd: apart from "is no directory", what keeps us out is a permission.
  'o_c() { [ -d "$1" ] || o_f cwd; cd -- "$1" 2>/dev/null || o_f cwd-denied; };',
  // The search of PATH that exec will do, to tell a missing program from a command that itself ends with 126 or 127.
  'o_w() { o_r=missing; case $1 in */*) [ -e "$1" ] && o_r=denied; [ -f "$1" ] && [ -x "$1" ]; return;; esac;',
  'set -f; IFS=:; for o_d in $PATH; do if [ -f "${o_d:-.}/$1" ]; then [ -x "${o_d:-.}/$1" ] && return; o_r=denied; fi; done; return 1; };',
  // A failed exec ends the shell, which runs the trap; bash has dropped its traps by then, but can be told to go on instead.
  'o_e() { o_s=$?; trap - 0; echo "$o_n-exec" >&2; exit $o_s; };',
  'o_x() { o_w "$1" || o_f $o_r; unset IFS; echo "$o_n-go" >&2; trap o_e 0;',
  'if command -v shopt >/dev/null; then shopt -s execfail; fi; exec "$@"; o_e; };',
  // Who serves the connection, as far as it can be seen: servers may hide their name in the protocol.
  'o_p=; { read -r o_p </proc/$PPID/comm; } 2>/dev/null;',
  'echo "$o_n-ready $$ $o_g $o_t $o_p"; echo "$o_n-ready" >&2;',
  'IFS= read -r o_l || exit 125; eval "$o_l"',
].join(' ');

/** What is asked of the server for each primed shell. The nonce marks where a noisy rc file ends and the shell begins. */
export function bootstrapCommand(nonce: string): string {
  return `exec env OPTIO_SSH_NONCE=${nonce} OPTIO_SSH_BOOT='${program}' sh -c 'eval "$OPTIO_SSH_BOOT"'`;
}

/** What `composeLaunch` writes down. */
export interface Launch {
  readonly command: Command;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
}

/**
 * The one line that turns a primed shell into a command. It travels over the channel, so neither arguments nor values of the
 * environment are ever part of a command line on the host, and any byte but NUL may be among them.
 */
export function composeLaunch({ command, env, cwd }: Launch): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
  const steps = [
    ...(variables.length === 0 ? [] : [`export ${variables.join(' ')}`]),
    ...(cwd === undefined ? [] : [`o_c ${quote(cwd)}`]),
    `o_x ${command.map(quote).join(' ')}`,
  ].join('; ');
  // A line break inside would end the line: it is named instead. The x keeps `$()` from dropping it.
  return steps.includes('$o_b') ? `o_b=$(printf '\\012x'); o_b=\${o_b%x}; ${steps}\n` : `${steps}\n`;
}

/** Single quotes for POSIX shells, without a line break. */
function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`).replaceAll('\n', `'"$o_b"'`)}'`;
}

/** What a shell says of a launch on its standard error, before the command's own output. */
export type LaunchReport = 'go' | 'cwd' | 'cwd-denied' | 'missing' | 'denied';

const reports: readonly string[] = ['go', 'cwd', 'cwd-denied', 'missing', 'denied'] satisfies LaunchReport[];

/** Who a primed shell, and so the command it becomes, is on the host. */
export interface ShellIdentity {
  readonly pid: number;
  /** Field 22 of `/proc/<pid>/stat`; `undefined` where there is no such file. */
  readonly startTime: string | undefined;
  /** Name of the process that serves the connection; empty where it cannot be seen. */
  readonly server: string;
}

/** Reads the ready line, without its nonce: `-ready <pid> <group> <start time> <server>`. */
export function parseReady(line: string): ShellIdentity | undefined {
  const match = /^-ready (\d+) \d+ (\d+) (.*)$/.exec(line);
  if (!match) return undefined;
  const [, pid, startTime, server = ''] = match;
  return { pid: Number(pid), startTime: startTime === '0' ? undefined : startTime, server };
}

/** Reads a launch report, without its nonce: `-go`. */
export function parseReport(line: string): LaunchReport | undefined {
  const word = line.slice(1);
  return reports.includes(word) ? (word as LaunchReport) : undefined;
}
