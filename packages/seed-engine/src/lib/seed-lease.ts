import { setTimeout as delay } from 'node:timers/promises';

import { abortError } from './bytes.ts';
import type { StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { readFields } from './field-reader.ts';
import { changeSeedDocument } from './seed-change.ts';
import type { SeedReference } from './seed-store.ts';

/** The right to use a seed whose login rotates. Only its holder may write a login back. */
export interface SeedLease {
  readonly seedId: string;
  /** Who has it. */
  readonly holder: string;
  /** Counts the holders: what one with a smaller number still wants to write is refused. */
  readonly fencing: number;
  /** When somebody else may take it, unless it is renewed. */
  readonly expiresAt: Date;
}

/** Options of `acquireSeedLease`. */
export interface AcquireSeedLeaseOptions extends SeedReference {
  /** Who takes it, for instance a session's id: unique for each use. */
  readonly holder: string;
  /** Milliseconds until somebody else may take it. @default 60_000 */
  readonly leaseMs?: number;
  /** What to do while another has it: `wait` until it is free, or `refuse` with `SEED_IN_USE`. @default 'wait' */
  readonly whenBusy?: 'wait' | 'refuse';
  /**
   * Takes it only when `holder` was the last to have it, however long ago: nobody has used the seed since. Else `SEED_LEASE_LOST`.
   * @default false
   */
  readonly isOwn?: boolean;
  /** Hears once for each holder that is waited for. */
  readonly onWaiting?: (other: { readonly holder: string; readonly expiresAt: Date }) => void;
  /** Ends the waiting with `ABORTED`. */
  readonly abortSignal?: AbortSignal;
  /** The clock. @default the system's */
  readonly now?: () => Date;
}

/** What the functions about a lease need to find it. */
export type SeedLeaseReference = Omit<SeedReference, 'seedId'> & { readonly lease: SeedLease };

const defaultLeaseMs = 60_000;
// How often a waiting one looks again: no store tells when a document changes.
const pollMs = 500;

/**
 * Takes a seed for one user. The lease of a holder that is silent for its time is taken over, with the next fencing
 * number; taking one's own again does the same. Throws `SEED_IN_USE` (only with `refuse`), `SEED_LEASE_LOST` (only with `isOwn`),
 * `SEED_NOT_FOUND`, `ABORTED`.
 */
export async function acquireSeedLease(options: AcquireSeedLeaseOptions): Promise<SeedLease> {
  const { holder, leaseMs = defaultLeaseMs, whenBusy = 'wait', onWaiting, abortSignal } = options;
  const now = options.now ?? (() => new Date());
  checkLeaseMs(leaseMs);
  if (holder === '') throw new TypeError('holder must name who takes the lease');
  let waitsFor: string | undefined;
  for (;;) {
    if (abortSignal?.aborted === true) throw abortError(abortSignal);
    let busy: { readonly holder: string; readonly expiresAt: Date } | undefined;
    let lease: SeedLease | undefined;
    await changeSeedDocument(options, (fields, document) => {
      // Called again when somebody was faster: then what was taken before is not.
      lease = undefined;
      busy = undefined;
      const current = readLease(document);
      const at = now();
      if (options.isOwn === true && current.holder !== holder)
        throw leaseLost({ seedId: document.id, holder }, current);
      if (current.holder !== undefined && current.holder !== holder && current.expiresAt > at) {
        busy = { holder: current.holder, expiresAt: current.expiresAt };
        return undefined;
      }
      const taken = { holder, fencing: current.fencing + 1, expiresAt: new Date(at.getTime() + leaseMs) };
      lease = { seedId: document.id, ...taken };
      return { ...fields, lease: taken };
    });
    if (lease !== undefined) return lease;
    if (busy === undefined) continue;
    if (whenBusy === 'refuse') throw inUse(options, busy);
    if (waitsFor !== busy.holder) onWaiting?.(busy);
    waitsFor = busy.holder;
    const leftMs = Math.max(1, busy.expiresAt.getTime() - now().getTime());
    await wait(Math.min(pollMs, leftMs), abortSignal);
  }
}

/** Puts the end of a lease off. Throws `SEED_LEASE_LOST` when another has taken it since, and `SEED_NOT_FOUND`. */
export async function renewSeedLease({
  lease,
  leaseMs = defaultLeaseMs,
  now = () => new Date(),
  ...seeds
}: SeedLeaseReference & { readonly leaseMs?: number; readonly now?: () => Date }): Promise<SeedLease> {
  checkLeaseMs(leaseMs);
  const { seedId, holder, fencing } = lease;
  let expiresAt = lease.expiresAt;
  await changeSeedDocument({ ...seeds, seedId }, (fields, document) => {
    checkSeedLease(document, lease);
    expiresAt = new Date(now().getTime() + leaseMs);
    return { ...fields, lease: { holder, fencing, expiresAt } };
  });
  return { seedId, holder, fencing, expiresAt };
}

/** Gives a seed back. Does nothing when the lease was lost or the seed is gone. Idempotent. */
export async function releaseSeedLease({ lease, ...seeds }: SeedLeaseReference): Promise<void> {
  const { seedId, holder, fencing } = lease;
  try {
    await changeSeedDocument({ ...seeds, seedId }, (fields, document) => {
      const current = readLease(document);
      if (current.holder !== holder || current.fencing !== fencing) return undefined;
      // The number stays: the next holder counts on from it.
      return { ...fields, lease: { fencing, expiresAt: current.expiresAt } };
    });
  } catch (error) {
    if (!SeedEngineError.is(error) || error.code !== 'SEED_NOT_FOUND') throw error;
  }
}

/** Throws `SEED_LEASE_LOST` unless the document says that this lease holds. */
export function checkSeedLease(document: StoredDocument, lease: SeedLease): void {
  const current = readLease(document);
  if (current.holder === lease.holder && current.fencing === lease.fencing) return;
  throw leaseLost(lease, current);
}

function leaseLost(
  { seedId, holder }: Pick<SeedLease, 'holder' | 'seedId'>,
  current: { readonly holder: string | undefined },
): SeedEngineError {
  return new SeedEngineError(
    'SEED_LEASE_LOST',
    `Seed ${seedId} is no longer leased to ${holder}: ${current.holder ?? 'another'} has taken it since`,
  );
}

function readLease(document: StoredDocument): {
  readonly holder: string | undefined;
  readonly fencing: number;
  readonly expiresAt: Date;
} {
  const lease = readFields(document, 'SEED_MALFORMED', `Seed ${document.id}`).inner('lease');
  if (lease === undefined) return { holder: undefined, fencing: 0, expiresAt: new Date(0) };
  return { holder: lease.optionalText('holder'), fencing: lease.number('fencing'), expiresAt: lease.date('expiresAt') };
}

function inUse(
  { seedId, store }: SeedReference,
  { holder, expiresAt }: { readonly holder: string; readonly expiresAt: Date },
): SeedEngineError {
  return new SeedEngineError(
    'SEED_IN_USE',
    `Seed ${seedId} of ${store.description} is in use by ${holder} until ${expiresAt.toISOString()} or longer: its login rotates, so one at a time may have it`,
  );
}

function checkLeaseMs(leaseMs: number): void {
  if (!(leaseMs > 0)) throw new TypeError('leaseMs is a number of milliseconds above 0');
}

async function wait(ms: number, abortSignal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, abortSignal === undefined ? {} : { signal: abortSignal });
  } catch (error) {
    if (abortSignal?.aborted === true) throw abortError(abortSignal);
    throw error;
  }
}
