import { describeExit } from '@optio-ts/host-core';
import type { ProcessExit } from '@optio-ts/host-core';

import { OpencodeStartError } from './errors.ts';
import type { OpencodeErrorCode } from './errors.ts';
import { FOREIGN_PARENT } from './opencode-command.ts';
import { stripAnsi } from './ready-line.ts';
import { redact } from './redact.ts';

/** What is known about a start that failed. */
export interface StartFailure {
  /** How the process ended; `undefined` when it still ran. */
  readonly exit: ProcessExit | undefined;
  /** The last lines of its output, as printed. */
  readonly output: readonly string[];
  /** Port that it was to listen on. */
  readonly port: number;
  /** For messages: `Host.description`. */
  readonly host: string;
  /** How long it was waited for, in milliseconds. */
  readonly timeoutMs: number;
  /** Values to cover in the output. */
  readonly secrets: readonly string[];
}

/** Names the reason of a start that failed by what opencode printed, and keeps the print, secrets taken out. */
export function describeStartFailure(failure: StartFailure): OpencodeStartError {
  // As one text: what opencode repeats of a broken file goes over many lines.
  const text = redact(failure.output.map(stripAnsi).join('\n'), failure.secrets);
  const output = text.split('\n').filter((line) => line.trim() !== '');
  const { code, reason } =
    failure.exit === undefined ? timeoutReason(failure) : exitReason(failure, text, failure.exit);
  return new OpencodeStartError(code, `Cannot start opencode on ${failure.host}: ${reason}`, output);
}

interface Reason {
  readonly code: OpencodeErrorCode;
  readonly reason: string;
}

function timeoutReason(failure: StartFailure): Reason {
  return { code: 'START_TIMEOUT', reason: `it was not ready within ${failure.timeoutMs / 1000} s` };
}

function exitReason(failure: StartFailure, text: string, exit: ProcessExit): Reason {
  // Neither the port nor EADDRINUSE is printed, only the name of the error (measured with 1.18.33).
  if (/ServeError|EADDRINUSE/.test(text)) {
    return { code: 'PORT_TAKEN', reason: `port ${failure.port} is taken or may not be used` };
  }
  const parent = text.split('\n').find((line) => line.startsWith(FOREIGN_PARENT));
  if (parent !== undefined) {
    const path = parent.slice(FOREIGN_PARENT.length);
    const remedy = 'remove it, confine opencode, or keep tasks where nobody else can write';
    return { code: 'CONFIG_INVALID', reason: `${path} is not yours, and opencode would obey it: ${remedy}` };
  }
  const configFile = /(?:Config file at|Configuration is invalid at) (\S+)/.exec(text)?.[1];
  if (configFile !== undefined) return { code: 'CONFIG_INVALID', reason: `its configuration ${configFile} is broken` };
  if (
    /file is not a database|unable to open database|PRAGMA wal_checkpoint|SQLITE_(?:READONLY|CORRUPT|NOTADB|CANTOPEN)/i.test(
      text,
    )
  ) {
    return { code: 'DATABASE_UNUSABLE', reason: 'its database cannot be opened' };
  }
  const denied = /(?:EACCES|EEXIST|EROFS|ENOSPC|EPERM|ENOTDIR)[^\n]*/.exec(text)?.[0];
  if (denied !== undefined) return { code: 'HOME_NOT_WRITABLE', reason: `its home cannot be written: ${denied}` };
  return { code: 'EXITED_EARLY', reason: `before it was ready it ${describeExit(exit)}` };
}
