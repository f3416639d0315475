import { crc32 } from 'node:zlib';

import { blockBytes } from './follow-frames.ts';
import { createLineBuffer } from './line-buffer.ts';

/** A line of a growing file. */
export interface FollowedLine {
  /** Without its line break; bytes that are no UTF-8 are replaced. */
  readonly line: string;
  /** Counts how often the file was replaced, cut or rewritten. */
  readonly generation: number;
  /** Where the line begins, in bytes of this generation's file. */
  readonly offset: number;
  /** Where the next line begins: an `offset` to go on from. */
  readonly nextOffset: number;
  /** Of what was read up to `nextOffset`, so that whoever goes on from there later knows whether it is still that file. */
  readonly fingerprint: string;
  /** It was longer than `maxLineBytes`, and the rest of it is left out. */
  readonly isTruncated: boolean;
}

/** How a `FollowState` begins. */
export interface CreateFollowStateOptions {
  /** Bytes that were read before. */
  readonly offset: number;
  readonly generation: number;
  /** Of these bytes. @default unknown: what is there now counts as what was read */
  readonly fingerprint?: string | undefined;
  readonly maxLineBytes: number;
}

/** What the reader on the host has to send. */
interface FollowRequest {
  readonly offset: number;
  /** Bytes before `offset` to repeat at least, as far as there are so many, now and in all that follows. */
  readonly overlap: number;
}

/** What was read of a file so far, and what of it to deliver. Pure: bytes in, lines out. */
export interface FollowState {
  readonly hasPartialLine: boolean;
  request(): FollowRequest;
  /** Announces bytes that begin at `start` of a file of `size` bytes. `rewritten`: it is not the file that was read. */
  beginFrame(size: number, start: number): 'ok' | 'rewritten';
  /** Takes bytes of the announced frame. `rewritten`: see above; then nothing of the frame was taken. */
  push(bytes: Uint8Array): readonly FollowedLine[] | 'rewritten';
  /** Begins again at the start of a file that is another now. Returns the next generation. */
  restart(): number;
  /** Ends the line that has no line break yet. */
  flush(): FollowedLine | undefined;
}

/** Bytes that are compared before a file counts as the one that was read. */
export const overlapBytes = 4096;
/** The script repeats more of them, so as to begin with a whole block. */
const mostOverlapBytes = overlapBytes + blockBytes;
/** Up to this size what was read before is read again at the start, to know its lines should the file be rewritten. */
const rereadBytes = 1024 * 1024;
/** Line ends kept of a generation, 16 bytes each: beyond them a rewritten file's lines count as new. */
const keptMarks = 262_144;

const newline = 10;

/**
 * Makes a `FollowState`.
 *
 * Of what was read it keeps the last bytes, and for each line end its place and a checksum of all before it. A file that
 * still has these bytes at that place has only grown, whether it was appended to or written anew. Any other begins a new
 * generation, and what it has in common with the one before, from its first byte on and in whole lines, is not delivered
 * again.
 */
export function createFollowState(options: CreateFollowStateOptions): FollowState {
  const { maxLineBytes } = options;
  let { generation } = options;
  /** To be compared with what the file begins with; until then nothing is known of its lines. */
  let expected = options.fingerprint;
  // Of a long file the beginning is believed; of a short one it is read, so that its lines are known.
  const isReread = options.offset <= rereadBytes;
  let silentUntil = isReread ? options.offset : 0;
  let position = isReread ? 0 : options.offset;
  let checksum = 0;
  let recent: Buffer = Buffer.alloc(0);
  let isRecentKnown = isReread;
  let overlapLeft = 0;
  let marks = createMarks();
  let former = createMarks();
  let formerIndex = 0;
  let buffer = createLineBuffer(position, maxLineBytes);

  const mark = (): void => {
    // Of a file whose beginning was not read the checksums would say nothing.
    if (isReread || generation !== options.generation) marks.add(position, checksum);
  };
  /** `last`: makes the last bytes up to `position`. */
  const makeFingerprint = (last: () => Uint8Array): string =>
    position <= rereadBytes ? `all-${toHex(checksum)}` : `end-${toHex(crc32(last().subarray(-overlapBytes)))}`;
  const take = (lines: FollowedLine[], piece: Uint8Array, last: () => Uint8Array): void => {
    checksum = crc32(piece, checksum);
    position += piece.byteLength;
    buffer.add(piece);
    const isLineEnd = piece.at(-1) === newline;
    if (position <= silentUntil) {
      if (!isLineEnd && position < silentUntil) return;
      buffer.clear(position, false);
      mark();
      return;
    }
    const formerEnd = former.end(formerIndex);
    if (formerEnd !== undefined) {
      if (position === formerEnd && checksum === former.checksum(formerIndex)) {
        formerIndex += 1;
        buffer.clear(position, !isLineEnd);
        mark();
        return;
      }
      if (position < formerEnd && !isLineEnd) return;
      former = createMarks();
    }
    if (!isLineEnd) return;
    const line = buffer.end(position);
    if (line !== undefined)
      lines.push({ ...line, generation, nextOffset: position, fingerprint: makeFingerprint(last) });
    mark();
  };
  /** Whether the bytes before the place to begin at are those that were read there. Asked for when they have been read. */
  const isExpected = (): boolean => {
    const isSame = expected === undefined || expected === makeFingerprint(() => recent);
    if (isSame) expected = undefined;
    return isSame;
  };

  return {
    get hasPartialLine() {
      return buffer.start < position && position > silentUntil;
    },
    request: () => ({ offset: position, overlap: overlapBytes }),
    beginFrame(size, start) {
      if (size < silentUntil || size < position || start > position) return 'rewritten';
      overlapLeft = position - start;
      return 'ok';
    },
    push(bytes) {
      let rest = bytes;
      if (overlapLeft > 0) {
        const repeated = rest.subarray(0, overlapLeft);
        if (isRecentKnown) {
          const from = recent.byteLength - overlapLeft;
          if (from < 0 || !recent.subarray(from, from + repeated.byteLength).equals(repeated)) return 'rewritten';
        } else {
          recent = keepLast(recent, repeated);
        }
        overlapLeft -= repeated.byteLength;
        rest = rest.subarray(repeated.byteLength);
        if (overlapLeft > 0) return [];
        if (!isRecentKnown && !isExpected()) return 'rewritten';
      }
      isRecentKnown = true;
      const before = recent;
      const all = rest;
      recent = keepLast(recent, rest);
      const lines: FollowedLine[] = [];
      while (rest.byteLength > 0) {
        const end = rest.indexOf(newline) + 1 || rest.byteLength;
        const ends = [end, silentUntil - position, (former.end(formerIndex) ?? 0) - position].filter((n) => n > 0);
        const piece = rest.subarray(0, Math.min(...ends));
        rest = rest.subarray(piece.byteLength);
        take(lines, piece, () => keepLast(before, all.subarray(0, all.byteLength - rest.byteLength)));
        if (position === silentUntil && !isExpected()) return 'rewritten';
      }
      return lines;
    },
    restart() {
      generation += 1;
      // The marks may be those of another file than the one that was read.
      if (expected !== undefined) former = createMarks();
      // A tool that writes all anew may do so again before it has got to the end: what was heard is still the former file's.
      else if (former.end(formerIndex) === undefined) former = marks;
      expected = undefined;
      formerIndex = 0;
      marks = createMarks();
      position = 0;
      silentUntil = 0;
      checksum = 0;
      recent = Buffer.alloc(0);
      isRecentKnown = true;
      overlapLeft = 0;
      buffer = createLineBuffer(0, maxLineBytes);
      return generation;
    },
    flush() {
      if (buffer.start >= position || position <= silentUntil) return undefined;
      // A tool that leaves out the last line break: the line was heard with it.
      const isHeard = former.end(formerIndex) === position + 1;
      if (isHeard && former.checksum(formerIndex) === crc32('\n', checksum)) return undefined;
      former = createMarks();
      const line = buffer.end(position, { isPartial: true });
      mark();
      if (line === undefined) return undefined;
      return { ...line, generation, nextOffset: position, fingerprint: makeFingerprint(() => recent) };
    },
  };
}

function toHex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}

function keepLast(kept: Buffer, added: Uint8Array): Buffer {
  if (added.byteLength >= mostOverlapBytes) return Buffer.from(added.subarray(-mostOverlapBytes));
  return Buffer.concat([kept.subarray(-(mostOverlapBytes - added.byteLength)), added]);
}

interface Marks {
  add(end: number, checksum: number): void;
  end(index: number): number | undefined;
  checksum(index: number): number | undefined;
}

function createMarks(): Marks {
  const ends: number[] = [];
  const checksums: number[] = [];
  return {
    add(end, checksum) {
      if (ends.length >= keptMarks || ends.at(-1) === end) return;
      ends.push(end);
      checksums.push(checksum);
    },
    end: (index) => ends[index],
    checksum: (index) => checksums[index],
  };
}
