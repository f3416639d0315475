import type { Dialled } from './dial.ts';
import { sessionRules } from './pool-rules.ts';
import type { PrimedShell } from './primed-shell.ts';

/**
 * What a shell is for: a command that ends soon, one that may run for hours, or one that ends others and must not wait for
 * them.
 */
export type ShellUse = 'short' | 'long' | 'urgent';

/** A connection as the pool sees it: what is on it, and what more fits. */
export interface Connection {
  readonly dialled: Dialled;
  /** Sessions the server allows: assumed, and corrected when it refuses one. */
  limit: number;
  /** See `SessionRules`: told by what the server calls itself, or by the first shell. */
  isFragile: boolean;
  /** Shells that wait for a command. */
  readonly idle: PrimedShell[];
  /** Shells that are on their way. */
  priming: number;
  /** Whether a shell was ready on it: then a session that is refused is one too many, not one at all. */
  hasServed: boolean;
  /** Its loss before a shell was ready counts once, however many were on their way. */
  isCounted: boolean;
  /** Shells that failed on it in a row although the connection lived. */
  failures: number;
  /** Whether one has just failed, so that none is opened for a while. */
  isResting: boolean;
  /** Since when sessions are refused although none is taken, in `performance.now()`. */
  refusedSince: number | undefined;
  /** Whether it was given away for forwarded ports: then more may be on it than is known here. */
  isLent: boolean;
  /** Commands that end soon. */
  short: number;
  /** Commands that may run for hours. */
  long: number;
  /** When a command last began or ended, in `performance.now()`. */
  lastUsed: number;
}

/** A connection with nothing on it. */
export function pooled(dialled: Dialled): Connection {
  return {
    dialled,
    ...sessionRules(dialled.serverVersion),
    idle: [],
    priming: 0,
    hasServed: false,
    isCounted: false,
    failures: 0,
    isResting: false,
    refusedSince: undefined,
    isLent: false,
    short: 0,
    long: 0,
    lastUsed: 0,
  };
}

/** Sessions of the server that are taken, or about to be. */
export function sessionsOf({ idle, priming, short, long }: Connection): number {
  return idle.length + priming + short + long;
}

/** Milliseconds for which a server may go on refusing sessions although none is taken: those that were are being freed. */
const freedWithinMs = 1000;

/** Whether a session was refused since there are as many as there may be, which is learned from it, or will be freed soon. */
export function isOneTooMany(connection: Connection, now: number): boolean {
  const held = sessionsOf(connection);
  if (held > 0) {
    connection.limit = held;
    return true;
  }
  connection.refusedSince ??= now;
  return connection.hasServed && now - connection.refusedSince < freedWithinMs;
}
