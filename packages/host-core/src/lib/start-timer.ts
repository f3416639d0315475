// What setTimeout can hold; a longer delay would fire at once.
const longestDelay = 2 ** 31 - 1;

/** Calls `onTimeout` after so many milliseconds, never when `undefined`. Returns what stops it. */
export function startTimer(milliseconds: number | undefined, onTimeout: () => void): () => void {
  if (milliseconds === undefined || milliseconds > longestDelay) return () => undefined;
  const timer = setTimeout(onTimeout, milliseconds);
  return () => clearTimeout(timer);
}
