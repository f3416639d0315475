/** OpenSSH's default of MaxSessions. A server that allows less says so by refusing, and the pool learns it. */
const openSshSessions = 10;

/**
 * Sessions to count on for a connection, by what the server calls itself. dropbear closes or even loses a connection on which
 * a channel is opened while another one's process ends (mkj/dropbear issue 321), so there each command has one of its own.
 */
export function assumedSessionLimit(serverVersion: string): number {
  return /dropbear/i.test(serverVersion) ? 1 : openSshSessions;
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
