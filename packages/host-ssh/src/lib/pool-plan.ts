import { admitsLong, idleTarget } from './pool-rules.ts';
import { sessionsOf, type Connection, type ShellUse } from './pooled-connection.ts';

/** What somebody waits for: a shell for that use, or only a connection. */
export type Want = ShellUse | 'connection';

/** What has to be started for those who wait. */
export interface PoolPlan {
  /** Shells to open, by connection. */
  readonly shells: ReadonlyMap<Connection, number>;
  /** Whether a connection is to be made; an urgent one even beyond the most. */
  readonly dial: 'usual' | 'urgent' | undefined;
  /** Whether commands that end soon run side by side: then more shells are worth keeping. */
  readonly isCrowded: boolean;
}

/** Milliseconds without a command after which a fragile connection's shells are opened: while they are, commands wait. */
export const restMs = 50;

/**
 * The connection that serves now: of the fragile ones the one with the fewest shells left, so that it is soon used up and gets
 * its shells back while another one serves.
 */
export function chooseConnection(
  want: Want,
  connections: readonly Connection[],
  maxConnections: number,
): Connection | undefined {
  if (want === 'connection') return connections[0];
  const fit = connections.filter(
    (candidate) => mayServe(candidate) && belongs(candidate, want, connections, maxConnections),
  );
  return fit.find(({ isFragile }) => !isFragile) ?? fit.toSorted((a, b) => a.idle.length - b.idle.length)[0];
}

/** Shells that a new connection opens: the first commands of a session come faster than shells can be made anew. */
const firstShells = 6;

/** What those who wait need that is not on its way already. */
export function planMissing(
  wants: readonly Want[],
  connections: readonly Connection[],
  maxConnections: number,
): PoolPlan {
  const onTheWay = new Map(connections.map((connection) => [connection, comingShells(connection)]));
  const claimedLong = new Map<Connection, number>();
  const shells = new Map<Connection, number>();
  let dial: PoolPlan['dial'];
  let isCrowded = false;
  for (const want of wants) {
    if (want === 'connection') {
      dial ??= 'usual';
      continue;
    }
    const fit = connections.filter((one) => belongs(one, want, connections, maxConnections, claimedLong.get(one)));
    let connection = fit.find((one) => (onTheWay.get(one) ?? 0) > 0);
    if (connection) onTheWay.set(connection, (onTheWay.get(connection) ?? 0) - 1);
    else {
      connection = fit.find((one) => room(one) > (shells.get(one) ?? 0));
      if (connection === undefined) dial = want === 'urgent' ? 'urgent' : (dial ?? 'usual');
      else {
        if (connection.short > 0 && want === 'short') isCrowded = true;
        const opened = Math.min(shellsToOpen(connection), room(connection) - (shells.get(connection) ?? 0));
        shells.set(connection, (shells.get(connection) ?? 0) + opened);
        onTheWay.set(connection, opened - 1);
        // The next time another connection serves meanwhile.
        if (connection.isFragile && connection.hasServed && connections.filter(isForShort).length < 2) dial ??= 'usual';
      }
    }
    if (connection && want === 'long') claimedLong.set(connection, (claimedLong.get(connection) ?? 0) + 1);
  }
  return { shells, dial, isCrowded };
}

/** Shells to make ready for nobody in particular, by connection. */
export function planRefill(
  connections: readonly Connection[],
  wantedIdle: number,
  now: number,
): ReadonlyMap<Connection, number> {
  const shells = new Map<Connection, number>();
  const usual = connections.filter(({ isFragile }) => !isFragile);
  let idle = usual.reduce((sum, { idle: waiting, priming }) => sum + waiting.length + priming, 0);
  for (const connection of usual) {
    const opened = Math.max(0, Math.min(idleTarget(wantedIdle, connection.limit) - idle, room(connection)));
    shells.set(connection, opened);
    idle += opened;
  }
  for (const connection of connections) {
    const { isFragile, idle: waiting, limit, lastUsed } = connection;
    if (!isFragile) continue;
    const isResting = now - lastUsed >= restMs && waiting.length <= limit / 2;
    const isRelieved = waiting.length === 0 && connections.some((other) => isForShort(other) && mayServe(other));
    if (isResting || isRelieved) shells.set(connection, room(connection));
  }
  return shells;
}

/** Whether what ends soon has no connection left, so that the next one is better made before it is asked for. */
export function needsSpareConnection(connections: readonly Connection[]): boolean {
  return connections.length > 0 && !connections.some(isForShort);
}

/** How many are opened when one is waited for and none is on its way. */
function shellsToOpen({ isFragile, hasServed }: Connection): number {
  // Where commands wait for them anyway, as many as there may be; but nobody waits for more than one at the start.
  if (isFragile) return hasServed ? Infinity : 1;
  return hasServed ? 1 : firstShells;
}

/** Whether one of the shells that wait may become a command now. */
function mayServe({ isFragile, idle, priming }: Connection): boolean {
  return idle.length > 0 && !(isFragile && priming > 0);
}

/** Shells that may be opened now. */
function room(connection: Connection): number {
  const { isFragile, isResting, short, long, limit } = connection;
  return isResting || (isFragile && short + long > 0) ? 0 : Math.max(0, limit - sessionsOf(connection));
}

/** Shells that are to be had without anything more being done, but not yet. */
function comingShells({ isFragile, idle, priming }: Connection): number {
  return isFragile && priming > 0 ? priming + idle.length : priming;
}

/** On a fragile connection a command that runs for hours keeps new shells from being opened: what ends soon goes elsewhere. */
function isForShort({ isFragile, long }: Connection): boolean {
  return !isFragile || long === 0;
}

/** Whether commands of that use belong on the connection, when `more` long ones are about to. */
function belongs(
  connection: Connection,
  use: ShellUse,
  connections: readonly Connection[],
  maxConnections: number,
  more = 0,
): boolean {
  const { isFragile, long, limit } = connection;
  if (use !== 'long') return use === 'urgent' || maxConnections === 1 || isForShort(connection);
  if (maxConnections === 1) return admitsLong(long + more, limit);
  // One is kept for what ends soon: else that would wait for hours.
  if (!isFragile) {
    const isFull = (other: Connection): boolean => other.long + (other === connection ? more + 1 : 0) >= other.limit;
    return admitsLong(long + more, limit) && connections.filter(isFull).length < maxConnections;
  }
  const withLong = connections.filter((other) => !isForShort(other)).length;
  return long + more < limit && (long > 0 || withLong + 1 < maxConnections);
}
