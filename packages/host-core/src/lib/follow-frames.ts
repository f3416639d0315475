/** What the follow script says: bytes that are announced, bytes, or one of its signs. */
export type FollowFrame =
  | { readonly kind: 'begin'; readonly size: number; readonly start: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'shrunk' | 'same' | 'end' | 'alive' };

const longestHeader = 100;
const newline = 10;

/** Makes what takes the script's output apart. Throws a `SyntaxError` at anything that the script does not say. */
export function createFrameReader(): (chunk: Uint8Array) => FollowFrame[] {
  let header = '';
  let left = 0;
  return (chunk) => {
    const frames: FollowFrame[] = [];
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (left > 0) {
        const bytes = rest.subarray(0, left);
        frames.push({ kind: 'bytes', bytes });
        left -= bytes.byteLength;
        rest = rest.subarray(bytes.byteLength);
        continue;
      }
      const end = rest.indexOf(newline);
      header += Buffer.from(end < 0 ? rest : rest.subarray(0, end)).toString('latin1');
      if (header.length > longestHeader) throw new SyntaxError('Not a frame of the follow script');
      if (end < 0) break;
      rest = rest.subarray(end + 1);
      const frame = readHeader(header);
      header = '';
      frames.push(frame.frame);
      left = frame.length;
    }
    return frames;
  };
}

function readHeader(header: string): { readonly frame: FollowFrame; readonly length: number } {
  const [, size, start, length] = /^F (\d{1,15}) (\d{1,15}) (\d{1,15})$/.exec(header) ?? [];
  if (length !== undefined)
    return { frame: { kind: 'begin', size: Number(size), start: Number(start) }, length: Number(length) };
  const kind = ({ T: 'shrunk', S: 'same', E: 'end', '.': 'alive' } as const)[header];
  if (kind === undefined) throw new SyntaxError('Not a frame of the follow script');
  return { frame: { kind }, length: 0 };
}
