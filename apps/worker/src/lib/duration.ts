const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The longest duration a task may name, in milliseconds: timers of the platform hold less than 25 days. */
export const MAX_DURATION_MS: number = 20 * 86_400_000;

/** The longest age, in milliseconds: dates that far back are still dates. */
export const MAX_AGE_MS: number = 36_500 * 86_400_000;

/** What a duration looks like, for schemas: `90s`, `30m`, `2h`, `1h30m`. */
export const DURATION_PATTERN: RegExp = /^(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?$/;

/**
 * Reads a duration such as `90s`, `30m`, `2h` or `1h30m` into milliseconds, largest unit first.
 * Returns `undefined` for anything else, for nothing at all, and for what is zero or longer than `mostMs`.
 */
export function parseDuration(text: string, mostMs: number = MAX_DURATION_MS): number | undefined {
  if (text === '' || !DURATION_PATTERN.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)([smhd])/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  }
  return total > 0 && total <= mostMs ? total : undefined;
}

/** How long something took, for people: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** How long something takes so far, in whole units: `7 s`, `4 min 05 s`. */
export function formatElapsed(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000);
}
