import type { SupervisedProcess } from '@optio-ts/host-core';

/** Options of `keepAgentAlive`. */
export interface KeepAgentAliveOptions {
  readonly process: Pick<SupervisedProcess, 'renewLease' | 'exited'>;
  /** The lease that the process was started with, in milliseconds. */
  readonly leaseMs: number;
  /** A renewal failed: the host could not be reached, or nobody is left there to enforce the lease. The next one is tried all the same. */
  readonly onFailure?: (error: unknown) => void;
  /** Ends it: from then on the lease runs out. */
  readonly abortSignal: AbortSignal;
}

/** Two of three renewals may fail. */
const RENEWALS_PER_LEASE = 4;

/**
 * Renews the lease that an agent has on its host, now and again and again, until the agent has ended: without a worker for the time
 * of the lease, the host ends the agent by itself.
 */
export function keepAgentAlive({ process, leaseMs, onFailure, abortSignal }: KeepAgentAliveOptions): void {
  if (!(leaseMs > 0)) throw new TypeError(`leaseMs must be a positive number: got ${leaseMs}`);
  if (abortSignal.aborted) return;
  let isRenewing = false;
  const renew = async (): Promise<void> => {
    // A host that takes long is not asked several times at once.
    if (isRenewing) return;
    isRenewing = true;
    try {
      await process.renewLease({ abortSignal });
    } catch (error) {
      if (!abortSignal.aborted) onFailure?.(error);
    } finally {
      isRenewing = false;
    }
  };
  const timer = setInterval(() => void renew(), Math.min(leaseMs / RENEWALS_PER_LEASE, MAXIMUM_TIMER_MS));
  // A lease alone is no reason to keep this process alive.
  timer.unref();
  const end = (): void => {
    clearInterval(timer);
    abortSignal.removeEventListener('abort', end);
  };
  abortSignal.addEventListener('abort', end, { once: true });
  process.exited.then(end, end);
  // At once: an agent that was without a worker until now may have a moment left.
  void renew();
}

const MAXIMUM_TIMER_MS = 2_147_483_647;
