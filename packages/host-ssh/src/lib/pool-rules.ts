/** OpenSSH's default of MaxSessions. A server that allows less says so by refusing, and the pool learns it. */
const openSshSessions = 10;

/** Shells that are opened together where they cannot be opened one by one. */
const fragileSessions = 4;

/** What a server allows on a connection. */
export interface SessionRules {
  /** Sessions to count on. */
  readonly limit: number;
  /**
   * Whether to open a session is dangerous while a process of the connection ends: dropbear then closes the new channel, or
   * loses the whole connection (mkj/dropbear issue 321). There, shells are opened while no command runs, several at a time, and
   * no command is started until they are there.
   */
  readonly isFragile: boolean;
}

/** The rules for a server of this name: its version line, or the name of the process that serves a connection. */
export function sessionRules(server: string): SessionRules {
  const isFragile = /dropbear/i.test(server);
  return { limit: isFragile ? fragileSessions : openSshSessions, isFragile };
}

/** Whether one more command that may run for long fits: these never take the last two sessions of a connection. */
export function admitsLong(running: number, limit: number): boolean {
  return running < Math.max(1, limit - 2);
}

/** Shells to keep ready in all, given how many are wanted and what one connection allows: some sessions stay free. */
export function idleTarget(wanted: number, limit: number): number {
  return Math.max(1, Math.min(wanted, limit - 4));
}

/** Milliseconds to wait after so many failures in a row: 250, 500, 1000 … 10000. */
export function backoffMs(failures: number): number {
  return Math.min(10_000, 250 * 2 ** Math.max(0, failures - 1));
}
