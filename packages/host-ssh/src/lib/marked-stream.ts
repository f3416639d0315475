/** What a `MarkScanner` made of the bytes so far. */
interface MarkFound {
  /** What follows the marker on its line, without the line break. */
  readonly line: string;
  /** The bytes after that line. */
  readonly rest: Buffer;
  /** The end of what came before the marker: what a shell complained of, for messages. */
  readonly before: Buffer;
}

/** Looks for a line that begins with a marker in bytes that come in any pieces. */
export interface MarkScanner {
  /** The marker's line once it is whole, `undefined` before. */
  push(chunk: Uint8Array): MarkFound | undefined;
  /** The end of what was seen so far. */
  seen(): Buffer;
}

/** Bytes kept of what comes before the marker. */
const keptBytes = 4096;

/** Longest line a marker may have; more is not one of ours. */
const longestLine = 256;

/**
 * Makes a scanner. The marker need not be at the start of a line: an rc file may print without a line break at its end.
 */
export function createMarkScanner(marker: string): MarkScanner {
  const mark = Buffer.from(marker, 'latin1');
  let held: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
      let from = 0;
      for (;;) {
        const at = held.indexOf(mark, from);
        if (at === -1) break;
        const end = held.indexOf(0x0a, at);
        if (end === -1) {
          if (held.length - at < longestLine) {
            // Whole, but for its end.
            held = held.subarray(Math.max(0, at - keptBytes));
            return undefined;
          }
        } else if (end - at < longestLine) {
          return {
            line: held.toString('latin1', at + mark.length, end),
            rest: held.subarray(end + 1),
            before: held.subarray(Math.max(0, at - keptBytes), at),
          };
        }
        from = at + 1;
      }
      // More than enough for a marker that is cut in two.
      held = Buffer.from(held.subarray(Math.max(0, held.length - keptBytes)));
      return undefined;
    },
    seen: () => held,
  };
}
