/** A line as it was found: its text, where it begins, and whether it was cut. */
interface BufferedLine {
  readonly line: string;
  readonly offset: number;
  readonly isTruncated: boolean;
}

/** The bytes of one line until it ends. Holds at most `maxLineBytes` of them. */
export interface LineBuffer {
  /** Where the current line begins. */
  readonly start: number;
  add(bytes: Uint8Array): void;
  /**
   * Ends the line at `position` and begins the next one there. `undefined` for the line break that comes after a partial
   * line: it ends nothing.
   */
  end(position: number, options?: { readonly isPartial?: boolean }): BufferedLine | undefined;
  /** Drops the line and begins the next one at `position`. */
  clear(position: number, isPartial: boolean): void;
}

/** Makes a `LineBuffer` for the line that begins at `start`. */
export function createLineBuffer(start: number, maxLineBytes: number): LineBuffer {
  let lineStart = start;
  let parts: Buffer[] = [];
  let size = 0;
  let isTruncated = false;
  let followsPartial = false;

  const clear = (position: number, isPartial: boolean): void => {
    lineStart = position;
    parts = [];
    size = 0;
    isTruncated = false;
    followsPartial = isPartial;
  };
  return {
    get start() {
      return lineStart;
    },
    add(bytes) {
      const content = bytes.at(-1) === 10 ? bytes.subarray(0, -1) : bytes;
      const kept = content.subarray(0, maxLineBytes - size);
      if (kept.byteLength < content.byteLength) isTruncated = true;
      // A copy: the reader may use its memory again.
      if (kept.byteLength > 0) parts.push(Buffer.from(kept));
      size += kept.byteLength;
    },
    end(position, { isPartial = false } = {}) {
      const bytes = Buffer.concat(parts, size);
      const line = { line: decode(bytes, isTruncated), offset: lineStart, isTruncated };
      const isNothing = followsPartial && bytes.byteLength === 0;
      clear(position, isPartial);
      return isNothing ? undefined : line;
    },
    clear,
  };
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function decode(bytes: Uint8Array, isTruncated: boolean): string {
  if (isTruncated) return decoder.decode(bytes.subarray(0, wholeCharacters(bytes)));
  return decoder.decode(bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes);
}

/** Length without a character that was cut in the middle. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.byteLength; back += 1) {
    const byte = bytes[bytes.byteLength - back] ?? 0;
    if (byte < 0x80) break;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? bytes.byteLength - back : bytes.byteLength;
    }
  }
  return bytes.byteLength;
}
