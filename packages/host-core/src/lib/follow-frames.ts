/** What the follow script says: bytes that are announced, these bytes, one of its signs, or how a process has ended. */
export type FollowFrame =
  | {
      readonly kind: 'begin';
      readonly id: number;
      readonly size: number;
      readonly start: number;
      readonly length: number;
    }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'shrunk' | 'same'; readonly id: number }
  | { readonly kind: 'exit'; readonly id: number; readonly code: string; readonly isLease: boolean }
  | { readonly kind: 'lost'; readonly id: number }
  | { readonly kind: 'end' };

/** Frames of bytes are filled up with zeros to a whole number of so many. */
export const blockBytes = 512;

const longestHeader = 100;
const newline = 10;

/**
 * Makes what takes the script's output apart. Throws a `SyntaxError` at anything that the script does not say, also a frame of
 * more than `mostBytes`: they are held until it is whole.
 */
export function createFrameReader(mostBytes: number): (chunk: Uint8Array) => FollowFrame[] {
  let header = '';
  let id = 0;
  let left = 0;
  let filling = 0;
  return (chunk) => {
    const frames: FollowFrame[] = [];
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (left > 0) {
        const bytes = rest.subarray(0, left);
        frames.push({ kind: 'bytes', id, bytes });
        left -= bytes.byteLength;
        rest = rest.subarray(bytes.byteLength);
        continue;
      }
      if (filling > 0) {
        const zeros = rest.subarray(0, filling);
        filling -= zeros.byteLength;
        rest = rest.subarray(zeros.byteLength);
        continue;
      }
      const end = rest.indexOf(newline);
      header += Buffer.from(end < 0 ? rest : rest.subarray(0, end)).toString('latin1');
      if (header.length > longestHeader) throw new SyntaxError('Not a frame of the follow script');
      if (end < 0) break;
      rest = rest.subarray(end + 1);
      const frame = readHeader(header);
      if (frame.kind === 'begin' && frame.length > mostBytes) throw new SyntaxError('Not a frame of the follow script');
      header = '';
      frames.push(frame);
      if (frame.kind === 'begin') {
        ({ id, length: left } = frame);
        filling = (blockBytes - (left % blockBytes)) % blockBytes;
      }
    }
    return frames;
  };
}

const numbers = /^\d{1,15}$/;

function readHeader(header: string): FollowFrame {
  const [sign, ...words] = header.split(' ');
  if (sign === 'E' && words.length === 0) return { kind: 'end' };
  if (sign === 'X' && words.length > 1) {
    const [id, code = '', how] = words;
    if (code === 'lost' && words.length === 2) return { kind: 'lost', id: readNumber(id) };
    if (words.length === 3 && numbers.test(code) && (how === 'itself' || how === 'lease'))
      return { kind: 'exit', id: readNumber(id), code, isLease: how === 'lease' };
  }
  if ((sign === 'T' || sign === 'S') && words.length === 1)
    return { kind: sign === 'T' ? 'shrunk' : 'same', id: readNumber(words[0]) };
  if (sign === 'F' && words.length === 4) {
    const [id = 0, size = 0, start = 0, length = 0] = words.map(readNumber);
    return { kind: 'begin', id, size, start, length };
  }
  throw new SyntaxError('Not a frame of the follow script');
}

function readNumber(word: string | undefined): number {
  if (word === undefined || !numbers.test(word)) throw new SyntaxError('Not a frame of the follow script');
  return Number(word);
}
