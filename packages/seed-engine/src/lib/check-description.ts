import type { SeedChange } from './seed-change.ts';

/** Refuses a label that is no text and an end that is no date, as a `TypeError`: such a seed could not be read any more. */
export function checkDescription({ label, expiresAt }: SeedChange): void {
  if (label !== undefined && typeof label !== 'string') throw new TypeError('label must be a string');
  if (expiresAt !== undefined && !(expiresAt instanceof Date && Number.isFinite(expiresAt.getTime()))) {
    throw new TypeError('expiresAt must be a valid Date');
  }
}
