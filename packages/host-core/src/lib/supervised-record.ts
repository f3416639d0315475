import type { ProcessExit } from './host.ts';

/** A process as it can be known again. */
interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from the boot to its start; 0 where the host cannot tell (macOS). */
  readonly startTime: string;
}

/** What a supervisor writes down before its command runs. Read back, it is no more than a claim. */
export interface SupervisedRecord {
  readonly runId: string;
  /** Identifies the host's boot; `-` where it cannot tell. */
  readonly bootId: string;
  readonly supervisor: ProcessIdentity;
  /** Leader of the session and the process group that the command runs in. */
  readonly command: ProcessIdentity;
  readonly watcher: ProcessIdentity;
}

const recordPattern = /^1 ([0-9a-f]{24}) ([0-9a-f-]{1,64})((?: \d{1,20}){6})$/;

/** Reads the line of a record; `undefined` for anything that is not one of this version. */
export function parseRecord(line: string): SupervisedRecord | undefined {
  const match = recordPattern.exec(line);
  if (match === null) return undefined;
  const [, runId = '', bootId = '', numbers = ''] = match;
  const words = numbers.trim().split(' ');
  const identity = (index: number): ProcessIdentity => ({
    pid: Number(words[index]),
    startTime: words[index + 1] ?? '',
  });
  const record = { runId, bootId, supervisor: identity(0), command: identity(2), watcher: identity(4) };
  // No process of ours has pid 1 or a pid that no kernel gives out, and a kill of one of these would mean something else.
  const pids = [record.supervisor.pid, record.command.pid, record.watcher.pid];
  return pids.every((pid) => pid > 1 && pid <= 0x3fff_ffff) ? record : undefined;
}

// Linux's numbers, whatever this program runs on: they come from the host.
const signals =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );

/**
 * Reads the exit code that a shell has recorded. A shell knows a signal as 128 + its number only, so a command that ended
 * by itself with such a code looks the same. `undefined` for what is no exit code.
 */
export function parseExitCode(text: string): ProcessExit | undefined {
  if (!/^\d{1,3}$/.test(text)) return undefined;
  const code = Number(text);
  if (code > 255) return undefined;
  const signal = signals[code - 129];
  return signal === undefined ? { exitCode: code, signal: undefined } : { exitCode: undefined, signal: `SIG${signal}` };
}
