/** What several rounds of the same took. */
export interface Measured {
  readonly medianMs: number;
  /** Nine of ten rounds took no longer. */
  readonly p90Ms: number;
}

/** Options of `measure`. */
export interface MeasureOptions {
  readonly rounds: number;
  /** Rounds before those that count. @default 3 */
  readonly warmUp?: number;
  /** Runs between rounds, outside the time that counts. */
  readonly between?: () => Promise<void>;
}

/** Takes the time of rounds, one after another. Of several subjects each gives one round per turn, so that all see the same machine. */
export async function measure<Name extends string>(
  subjects: Readonly<Record<Name, () => Promise<unknown>>>,
  { rounds, warmUp = 3, between }: MeasureOptions,
): Promise<Record<Name, Measured>> {
  const names = Object.keys(subjects) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const name of names) {
      await between?.();
      const start = performance.now();
      await subjects[name]();
      if (round >= 0) times.get(name)?.push(performance.now() - start);
    }
  }
  return Object.fromEntries(names.map((name) => [name, summary(times.get(name) ?? [])])) as Record<Name, Measured>;
}

function summary(times: readonly number[]): Measured {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { medianMs: at(0.5), p90Ms: at(0.9) };
}

/** Writes a table for a terminal; the first column is text, the others are aligned to the right. */
export function printTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  process.stdout.write(
    `\n${title}\n\n${[line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')}\n`,
  );
}
