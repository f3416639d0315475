/** Which versions may stay. */
export interface EvictionPolicy {
  /** How many may stay, the one in use among them. @default any number */
  readonly keep?: number;
  /** Bytes that all of them may have together. @default any size */
  readonly maxBytes?: number;
}

/** A version of opencode in the cache directory. */
export interface CachedProgram {
  /** Of its directory. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Whether it runs, was asked for a short while ago, or lies beside something that is not ours. */
  readonly isHeld: boolean;
}

// What this package names a directory of opencode. Ripgrep's are small, and sessions use them without running all the time.
const ownName =
  /^(?:\d+\.\d+\.\d+(?:-.+)?|sha(?:256|512)-[0-9a-f]{32}|smart-[0-9a-f]{8}-\d+)-(?:linux|darwin)-(?:x64|arm64)/;

/**
 * Chooses what goes, from programs in the order of their last use, the latest first. Pure. What is held or wanted counts, and
 * stays.
 */
export function chooseEvicted(
  programs: readonly CachedProgram[],
  wanted: string,
  { keep = Infinity, maxBytes = Infinity }: EvictionPolicy,
): readonly string[] {
  const own = programs.filter(({ name }) => ownName.test(name));
  let count = own.length;
  let totalBytes = own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const evicted: string[] = [];
  for (const { isHeld, name, sizeBytes } of own.toReversed()) {
    if (count <= keep && totalBytes <= maxBytes) break;
    if (isHeld || name === wanted) continue;
    evicted.push(name);
    count -= 1;
    totalBytes -= sizeBytes;
  }
  return evicted;
}
