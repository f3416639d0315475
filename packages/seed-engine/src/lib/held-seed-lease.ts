import { SeedEngineError } from './errors.ts';
import {
  acquireSeedLease,
  releaseSeedLease,
  renewSeedLease,
  type AcquireSeedLeaseOptions,
  type SeedLease,
} from './seed-lease.ts';

/** A lease that is renewed until it is given back. */
export interface HeldSeedLease extends AsyncDisposable {
  readonly lease: SeedLease;
  /** Aborted, with the error, once another has taken the seed or it is gone: nothing may be written back from then on. */
  readonly lost: AbortSignal;
  /** Gives the seed back. Idempotent. */
  release(): Promise<void>;
}

/** Options of `holdSeedLease`. */
export interface HoldSeedLeaseOptions extends AcquireSeedLeaseOptions {
  /** A renewal failed, which is tried again: the store could not be reached. */
  readonly onFailure?: (error: unknown) => void;
}

/** Takes a seed as `acquireSeedLease` does and keeps the lease alive from then on. */
export async function holdSeedLease(options: HoldSeedLeaseOptions): Promise<HeldSeedLease> {
  const { store, manifest, leaseMs = 60_000, onFailure } = options;
  const bound = { store, manifest };
  let lease = await acquireSeedLease(options);
  const lost = new AbortController();
  let renewing: Promise<void> = Promise.resolve();

  const renew = async (): Promise<void> => {
    try {
      lease = await renewSeedLease({ ...bound, lease, leaseMs });
    } catch (error) {
      const isOver = SeedEngineError.is(error) && ['SEED_LEASE_LOST', 'SEED_NOT_FOUND'].includes(error.code);
      if (isOver) {
        clearInterval(timer);
        lost.abort(error);
      } else onFailure?.(error);
    }
  };
  const timer = setInterval(() => {
    renewing = renewing.then(renew);
  }, leaseMs / 4);
  // The lease alone is no reason to keep a process alive.
  timer.unref();

  const release = async (): Promise<void> => {
    clearInterval(timer);
    await renewing;
    await releaseSeedLease({ ...bound, lease });
  };
  return {
    get lease() {
      return lease;
    },
    lost: lost.signal,
    release,
    [Symbol.asyncDispose]: release,
  };
}
