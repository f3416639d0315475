import type { CommandContext } from './commands/context.ts';
import { printableJson, printableLine, truncate } from './printable.ts';

/** Columns of one thing in a list. */
export type Columns<Item> = (item: Item) => readonly string[];

/** Prints a list: one JSON object per line where that was asked for, aligned columns otherwise. */
export function printList<Item extends object>(
  { stdout }: Pick<CommandContext, 'stdout'>,
  items: readonly Item[],
  {
    columns,
    isCut = false,
    json,
  }: {
    readonly columns: Columns<Item>;
    readonly json: boolean | undefined;
    /** On a terminal a row has one line there: what stands last may be long. @default false */
    readonly isCut?: boolean;
  },
): void {
  if (json === true) {
    for (const item of items) stdout.write(`${printableJson(item)}\n`);
    return;
  }
  const width = isCut && stdout.isTTY && stdout.columns > 0 ? stdout.columns : undefined;
  for (const row of aligned(items.map((item) => columns(item)))) {
    stdout.write(`${width === undefined ? row : truncate(row, width)}\n`);
  }
}

/** Rows with columns of one width each, two blanks between them. Every cell is made safe to print. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const cells = rows.map((row) => row.map((cell) => printableLine(cell)));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return cells.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Prints one thing: as JSON on one line, or a word and what is to be said of it per line. */
export function printFacts(
  { stdout }: Pick<CommandContext, 'stdout'>,
  item: object,
  { facts, json }: { readonly facts: readonly (readonly [string, string])[]; readonly json: boolean | undefined },
): void {
  if (json === true) stdout.write(`${printableJson(item)}\n`);
  else for (const row of aligned(facts)) stdout.write(`${row}\n`);
}

/** A time for people, to the minute, in UTC. */
export function formatMinute(date: Date): string {
  return `${date.toISOString().slice(0, 16)}Z`;
}
