import type { Connection, ShellUse } from './pooled-connection.ts';
import type { PrimedShell } from './primed-shell.ts';

/** Somebody who waits for a shell or for a connection. */
export interface Waiter {
  readonly use: ShellUse | 'connection';
  readonly resolve: (connection: Connection, shell?: PrimedShell) => void;
  readonly reject: (error: unknown) => void;
}

/** Those who wait, in the order in which they came. */
export interface Waiters {
  all(): readonly Waiter[];
  /** Resolves with what `take` makes of what it gets; rejects with the signal's reason. `onAdded` is called where it has to wait. */
  add<Result>(
    use: Waiter['use'],
    abortSignal: AbortSignal,
    take: (connection: Connection, shell: PrimedShell | undefined) => Result,
    onAdded: () => void,
  ): Promise<Result>;
  /** Takes one out that is about to be served. */
  remove(waiter: Waiter): void;
  /** Tells those whom it concerns. */
  reject(error: unknown, which?: (waiter: Waiter) => boolean): void;
}

/** Whether it waits for a shell. */
export function isForShell({ use }: Waiter): boolean {
  return use !== 'connection';
}

/** Makes a list of nobody. */
export function createWaiters(): Waiters {
  const waiters: Waiter[] = [];
  const remove = (waiter: Waiter): void => void waiters.splice(waiters.indexOf(waiter), 1);
  return {
    all: () => waiters.slice(),
    add(use, abortSignal, take, onAdded) {
      const { promise, resolve, reject } = Promise.withResolvers<ReturnType<typeof take>>();
      if (abortSignal.aborted) reject(abortSignal.reason);
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
        const onAbort = (): void => {
          remove(waiter);
          waiter.reject(abortSignal.reason);
        };
        abortSignal.addEventListener('abort', onAbort);
        waiters.push(waiter);
        onAdded();
      }
      return promise;
    },
    remove,
    reject(error, which = () => true) {
      for (const waiter of waiters.filter(which)) {
        remove(waiter);
        waiter.reject(error);
      }
    },
  };
}
