import type { Bytes } from './host.ts';

/** Takes an output apart: lines and parts of a known length, one after the other. */
export interface PartReader {
  /** The next line without its end; `undefined` at the end of the output, or where there is none within so many bytes. */
  line(maxBytes: number): Promise<string | undefined>;
  /** The next bytes, as they come; fewer at the end of the output. */
  part(bytes: number): AsyncGenerator<Uint8Array, void, void>;
  /** All that is left. */
  rest(): AsyncGenerator<Uint8Array, void, void>;
}

const newline = 0x0a;

/** Makes a reader of an output. */
export function createPartReader(bytes: Bytes): PartReader {
  const chunks = bytes[Symbol.asyncIterator]();
  let held: Uint8Array = new Uint8Array(0);
  const take = (length: number): Uint8Array => {
    const taken = held.subarray(0, length);
    held = held.subarray(length);
    return taken;
  };
  const fetch = async (): Promise<boolean> => {
    const step = await chunks.next();
    if (step.done === true) return false;
    held = step.value;
    return true;
  };
  return {
    async line(maxBytes) {
      let line: Buffer = Buffer.alloc(0);
      for (;;) {
        const end = held.indexOf(newline);
        line = Buffer.concat([line, take(end === -1 ? held.byteLength : end + 1)]);
        if (end !== -1) return line.toString('latin1', 0, line.byteLength - 1);
        if (line.byteLength > maxBytes || !(await fetch())) return undefined;
      }
    },
    async *part(length) {
      let left = length;
      while (left > 0) {
        if (held.byteLength === 0 && !(await fetch())) return;
        const chunk = take(left);
        left -= chunk.byteLength;
        yield chunk;
      }
    },
    async *rest() {
      do {
        if (held.byteLength > 0) yield take(held.byteLength);
      } while (await fetch());
    },
  };
}
