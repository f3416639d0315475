/** The last lines of something long. */
export interface RecentLines {
  add(line: string): void;
  /** Oldest first. */
  toArray(): readonly string[];
}

/** Keeps the last `count` lines, each cut at 2048 characters. */
export function keepRecentLines(count = 40): RecentLines {
  const lines: string[] = [];
  return {
    add(line) {
      lines.push(line.length > 2048 ? `${line.slice(0, 2048)}…` : line);
      if (lines.length > count) lines.shift();
    },
    toArray: () => [...lines],
  };
}
