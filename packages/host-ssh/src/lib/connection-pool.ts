import { HostError } from '@optio-ts/host-core';

import type { Dialled } from './dial.ts';
import { leaseShell, type LeasedShell } from './leased-shell.ts';
import { chooseConnection, needsSpareConnection, planMissing, planRefill, restMs } from './pool-plan.ts';
import { backoffMs, sessionRules } from './pool-rules.ts';
import { createWaiters, isForShell, type Waiter } from './pool-waiters.ts';
import { isOneTooMany, pooled, sessionsOf, type Connection, type ShellUse } from './pooled-connection.ts';
import { openPrimedShell, SessionRefusedError, type PrimedShell } from './primed-shell.ts';
import { createTimers } from './timers.ts';
import { waitUntil } from './wait-until.ts';

/** The connections to one host and the shells that wait on them. */
export interface ConnectionPool {
  /** Resolves with a shell for one command. Rejects with the signal's reason, or with what kept a connection from being made. */
  takeShell(use: ShellUse, abortSignal: AbortSignal): Promise<LeasedShell>;
  /** Resolves with a live connection, for forwarded ports. Rejects as `takeShell` does. */
  takeConnection(abortSignal: AbortSignal): Promise<Dialled>;
  /** Whether a command can be run without a new connection. */
  hasConnection(): boolean;
  /** Ends all connections; whoever waits is told `reason`. Idempotent. */
  close(reason: Error): void;
}

/** Options of `createConnectionPool`. */
export interface ConnectionPoolOptions {
  readonly description: string;
  readonly maxConnections: number;
  readonly shellTimeoutMs: number;
  readonly dial: (abortSignal: AbortSignal) => Promise<Dialled>;
  /** Called after each connection that was made. */
  readonly onConnected: () => void;
}

/** Milliseconds after a refused session until it is asked for again. */
const sessionFreedMs = 20;

/** Connections that may break, and shells that may fail, in a row before one is ready; after that, whoever waits is told. */
const maxFailures = 3;

/**
 * Makes a pool. Nothing is opened before somebody asks. One function, `pump`, looks after every change at who waits and what
 * is there, and does what follows from it: hands out, primes, connects.
 */
export function createConnectionPool(options: ConnectionPoolOptions): ConnectionPool {
  const connections: Connection[] = [];
  const waiters = createWaiters();
  const timers = createTimers();
  const closing = new AbortController();
  let isDialling = false;
  let failures = 0;
  let shellFailures = 0;
  // Before a shell was ever ready, one that fails says what is wrong with the host; after it, what is wrong at the moment.
  let hasServed = false;
  let notBefore = 0;
  let wantedIdle = 3;
  // What one connection has learned holds for the next: it must not find out when its only session is gone.
  let knownLimit = Number.POSITIVE_INFINITY;

  /** Those on which shells fail come last. */
  const alive = (): readonly Connection[] =>
    connections.filter(({ dialled }) => !dialled.isLost()).toSorted((a, b) => a.failures - b.failures);

  const pump = (): void => {
    if (closing.signal.aborted) return;
    for (const waiter of waiters.all()) serve(waiter);
    startMissing();
  };

  const serve = (waiter: Waiter): void => {
    const connection = chooseConnection(waiter.use, alive(), options.maxConnections);
    if (!connection) return;
    waiters.remove(waiter);
    if (waiter.use === 'connection') {
      connection.isLent = true;
      return waiter.resolve(connection);
    }
    const shell = connection.idle.shift() as PrimedShell;
    const kind = waiter.use === 'long' ? 'long' : 'short';
    connection[kind] += 1;
    connection.lastUsed = performance.now();
    waiter.resolve(connection, shell);
    // After whoever has it now: then a connection may be gone.
    void shell.closed.then(() => {
      connection[kind] -= 1;
      connection.lastUsed = performance.now();
      discardIfSpoilt(connection);
      // Shells are made ready again when one is done, not while a command that was just started needs the processor.
      refill();
      if (connection.isFragile) setTimeout(refill, restMs).unref();
      pump();
    });
    if (kind === 'long') setImmediate(refill);
  };

  /** Starts what those who still wait need and what is not already on its way. */
  const startMissing = (): void => {
    const plan = planMissing(
      waiters.all().map(({ use }) => use),
      alive(),
      options.maxConnections,
    );
    if (plan.isCrowded) wantedIdle = 6;
    for (const [connection, shells] of plan.shells) prime(connection, shells);
    if (plan.dial !== undefined) startDial(plan.dial === 'urgent');
  };

  const refill = (): void => {
    if (closing.signal.aborted) return;
    for (const [connection, shells] of planRefill(alive(), wantedIdle, performance.now())) prime(connection, shells);
    if (needsSpareConnection(alive())) startDial(false);
  };

  const prime = (connection: Connection, shells: number): void => {
    for (let opened = 0; opened < shells; opened += 1) primeOne(connection);
  };

  const primeOne = (connection: Connection): void => {
    connection.priming += 1;
    openPrimedShell(connection.dialled.client, {
      description: options.description,
      timeoutMs: options.shellTimeoutMs,
      isLost: connection.dialled.isLost,
    }).then(
      (shell) => {
        connection.priming -= 1;
        failures = shellFailures = connection.failures = 0;
        hasServed = connection.hasServed = true;
        connection.refusedSince = undefined;
        const rules = sessionRules(shell.identity.server);
        if (rules.isFragile && !connection.isFragile) Object.assign(connection, rules);
        connection.idle.push(shell);
        void shell.closed.then(() => {
          const index = connection.idle.indexOf(shell);
          if (index !== -1) connection.idle.splice(index, 1);
        });
        pump();
      },
      (error: unknown) => {
        connection.priming -= 1;
        if (connection.dialled.isLost()) countLoss(connection);
        else if (error instanceof SessionRefusedError && isOneTooMany(connection, performance.now())) {
          knownLimit = Math.min(knownLimit, connection.limit);
          // A server frees a session a little after it has said that the channel is closed.
          return timers.after(sessionFreedMs, pump);
        } else if (!hasServed && connection.priming > 0) {
          // Of those that a new connection opens together the last one decides: one that is still on its way may be well.
          return;
        } else noteFailedShell(connection, error);
        pump();
      },
    );
  };

  /** One shell that fails keeps nobody from a result: another is tried after a while, at once where another connection may be made. */
  const noteFailedShell = (connection: Connection, error: unknown): void => {
    // Those that were on their way together fail together.
    if (!connection.isResting) connection.failures += 1;
    if (!connection.isResting && hasServed) shellFailures += 1;
    connection.refusedSince = undefined;
    if (!hasServed || shellFailures >= maxFailures) waiters.reject(error, isForShell);
    if (discardIfSpoilt(connection) || !hasServed || connection.isResting) return;
    connection.isResting = true;
    timers.after(backoffMs(connection.failures + 1), () => {
      connection.isResting = false;
      pump();
    });
  };

  /** What is wrong may be wrong with the connection alone: without anything on it, it is made anew. */
  const discardIfSpoilt = (connection: Connection): boolean => {
    if (connection.failures === 0 || connection.isLent || sessionsOf(connection) > 0) return false;
    connection.isCounted = true;
    notBefore = Math.max(notBefore, performance.now() + backoffMs(shellFailures));
    connection.dialled.close();
    return true;
  };

  const countLoss = (connection: Connection): void => {
    if (connection.isCounted) return;
    connection.isCounted = true;
    if (countFailure() < maxFailures) return;
    const message = `Cannot use ${options.description}: it closed ${failures} connections in a row before a shell was ready; its log may say why`;
    waiters.reject(new HostError('CONNECT_FAILED', message), isForShell);
  };

  const countFailure = (): number => {
    failures += 1;
    notBefore = performance.now() + backoffMs(failures);
    return failures;
  };

  const startDial = (isUrgent: boolean): void => {
    const most = options.maxConnections + (isUrgent ? 1 : 0);
    if (isDialling || alive().length >= most) return;
    isDialling = true;
    void (async () => {
      try {
        await waitUntil(notBefore, closing.signal);
        addConnection(await options.dial(closing.signal));
      } catch (error) {
        countFailure();
        // Where other connections live on, whoever waits is served by them when their commands end.
        if (alive().length === 0) waiters.reject(error);
        else timers.after(backoffMs(failures), pump);
        isDialling = false;
        return;
      }
      isDialling = false;
      pump();
    })();
  };

  const addConnection = (dialled: Dialled): void => {
    const connection = pooled(dialled);
    connection.limit = Math.min(connection.limit, knownLimit);
    connections.push(connection);
    void dialled.lost.then(() => {
      connections.splice(connections.indexOf(connection), 1);
      if (!connection.hasServed) countLoss(connection);
      pump();
    });
    if (closing.signal.aborted) return dialled.close();
    options.onConnected();
  };

  const wait = <Result>(
    use: Waiter['use'],
    abortSignal: AbortSignal,
    take: (connection: Connection, shell: PrimedShell | undefined) => Result,
  ): Promise<Result> =>
    closing.signal.aborted ? Promise.reject(closing.signal.reason as Error) : waiters.add(use, abortSignal, take, pump);

  return {
    takeShell: (use, abortSignal) =>
      wait(use, abortSignal, ({ dialled }, shell) => leaseShell(dialled, shell as PrimedShell)),
    takeConnection: (abortSignal) => wait('connection', abortSignal, ({ dialled }) => dialled),
    hasConnection: () => alive().length > 0,
    close(reason) {
      if (closing.signal.aborted) return;
      closing.abort(reason);
      waiters.reject(reason);
      timers.close();
      for (const { dialled } of connections.slice()) dialled.close();
    },
  };
}
