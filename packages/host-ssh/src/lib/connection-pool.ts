import { barrier } from './barrier.ts';
import type { Dialled } from './dial.ts';
import { chooseConnection, needsSpareConnection, planMissing, planRefill, restMs } from './pool-plan.ts';
import { backoffMs, sessionRules } from './pool-rules.ts';
import { pooled, sessionsOf, type Connection, type ShellUse } from './pooled-connection.ts';
import { openPrimedShell, SessionRefusedError, type PrimedShell } from './primed-shell.ts';
import { waitUntil } from './wait-until.ts';

/** A shell that was handed out, and the connection it is on. */
export interface LeasedShell extends PrimedShell {
  readonly isLost: () => boolean;
  /** Resolves after the server has answered something that was sent after all that came before; also on a lost link. */
  barrier(): Promise<void>;
}

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

interface Waiter {
  readonly use: ShellUse | 'connection';
  readonly resolve: (connection: Connection, shell?: PrimedShell) => void;
  readonly reject: (error: unknown) => void;
}

/** Milliseconds after a refused session until it is asked for again. */
const sessionFreedMs = 20;

/** Connections that may break in a row before a shell is ready; after that, whoever waits is told. */
const maxLosses = 3;

/**
 * Makes a pool. Nothing is opened before somebody asks. One function, `pump`, looks after every change at who waits and what
 * is there, and does what follows from it: hands out, primes, connects.
 */
export function createConnectionPool(options: ConnectionPoolOptions): ConnectionPool {
  const connections: Connection[] = [];
  const waiters: Waiter[] = [];
  const closing = new AbortController();
  let isDialling = false;
  let failures = 0;
  let notBefore = 0;
  let wantedIdle = 3;
  // What one connection has learned holds for the next: it must not find out when its only session is gone.
  let knownLimit = Number.POSITIVE_INFINITY;

  const alive = (): readonly Connection[] => connections.filter(({ dialled }) => !dialled.isLost());

  const pump = (): void => {
    if (closing.signal.aborted) return;
    for (const waiter of waiters.slice()) serve(waiter);
    startMissing();
  };

  const serve = (waiter: Waiter): void => {
    const connection = chooseConnection(waiter.use, alive(), options.maxConnections);
    if (!connection) return;
    waiters.splice(waiters.indexOf(waiter), 1);
    if (waiter.use === 'connection') return waiter.resolve(connection);
    const shell = connection.idle.shift() as PrimedShell;
    const kind = waiter.use === 'long' ? 'long' : 'short';
    connection[kind] += 1;
    connection.lastUsed = performance.now();
    void shell.closed.then(() => {
      connection[kind] -= 1;
      connection.lastUsed = performance.now();
      // Shells are made ready again when one is done, not while a command that was just started needs the processor.
      refill();
      if (connection.isFragile) setTimeout(refill, restMs).unref();
      pump();
    });
    waiter.resolve(connection, shell);
    if (kind === 'long') setImmediate(refill);
  };

  /** Starts what those who still wait need and what is not already on its way. */
  const startMissing = (): void => {
    const plan = planMissing(
      waiters.map(({ use }) => use),
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
        failures = 0;
        connection.hasServed = true;
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
        if (error instanceof SessionRefusedError && (sessionsOf(connection) > 0 || connection.hasServed)) {
          connection.limit = Math.max(1, sessionsOf(connection));
          knownLimit = Math.min(knownLimit, connection.limit);
          // A server frees a session a little after it has said that the channel is closed.
          setTimeout(pump, sessionFreedMs);
          return;
        }
        if (!connection.dialled.isLost()) rejectWaiters(error, (waiter) => waiter.use !== 'connection');
        else if (!connection.isCounted) {
          connection.isCounted = true;
          if (countFailure() >= maxLosses) rejectWaiters(error, (waiter) => waiter.use !== 'connection');
        }
        pump();
      },
    );
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
        if (alive().length === 0) rejectWaiters(error, () => true);
        else setTimeout(pump, backoffMs(failures)).unref();
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
      pump();
    });
    if (closing.signal.aborted) return dialled.close();
    options.onConnected();
  };

  const rejectWaiters = (error: unknown, which: (waiter: Waiter) => boolean): void => {
    for (const waiter of waiters.filter(which)) {
      waiters.splice(waiters.indexOf(waiter), 1);
      waiter.reject(error);
    }
  };

  const wait = <Result>(
    use: Waiter['use'],
    abortSignal: AbortSignal,
    take: (connection: Connection, shell: PrimedShell | undefined) => Result,
  ): Promise<Result> => {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    if (closing.signal.aborted) reject(closing.signal.reason);
    else if (abortSignal.aborted) reject(abortSignal.reason);
    else {
      const waiter: Waiter = {
        use,
        resolve: (connection, shell) => {
          abortSignal.removeEventListener('abort', onAbort);
          resolve(take(connection, shell));
        },
        reject: (error) => {
          abortSignal.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      const onAbort = (): void => rejectWaiters(abortSignal.reason, (other) => other === waiter);
      abortSignal.addEventListener('abort', onAbort);
      waiters.push(waiter);
      pump();
    }
    return promise;
  };

  return {
    takeShell: (use, abortSignal) =>
      wait(use, abortSignal, ({ dialled }, shell) => ({
        ...(shell as PrimedShell),
        isLost: dialled.isLost,
        barrier: () => barrier(dialled),
      })),
    takeConnection: (abortSignal) => wait('connection', abortSignal, ({ dialled }) => dialled),
    hasConnection: () => alive().length > 0,
    close(reason) {
      if (closing.signal.aborted) return;
      closing.abort(reason);
      rejectWaiters(reason, () => true);
      for (const { dialled } of connections.slice()) dialled.close();
    },
  };
}
