import { StringDecoder } from 'node:string_decoder';

import type { Bytes } from './host.ts';

/** The lines of a script's output, asked for one by one. */
export interface LineReader {
  /** `undefined` at the end. */
  next(): Promise<string | undefined>;
  /** Reads what is left and drops it. */
  drain(): Promise<void>;
}

/** Reads lines of UTF-8. A last one without a line break is none: it may be cut. */
export function readLines(bytes: Bytes): LineReader {
  const chunks = bytes[Symbol.asyncIterator]();
  const decoder = new StringDecoder('utf8');
  let held = '';
  const next = async (): Promise<string | undefined> => {
    for (;;) {
      const end = held.indexOf('\n');
      if (end >= 0) {
        const line = held.slice(0, end);
        held = held.slice(end + 1);
        return line;
      }
      const chunk = await chunks.next();
      if (chunk.done === true) return undefined;
      held += decoder.write(Buffer.from(chunk.value));
    }
  };
  return {
    next,
    drain: async () => {
      while ((await next()) !== undefined);
    },
  };
}
