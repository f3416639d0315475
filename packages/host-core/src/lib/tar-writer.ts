import type { Bytes } from './host.ts';

/** A member of a tar archive that we write. Names are bytes: what a host calls its files need not be UTF-8. */
export interface TarMember {
  readonly type: 'file' | 'directory' | 'symlink' | 'link';
  /** Relative, without `.` and `..`, without a slash at either end. */
  readonly name: Buffer;
  /** Permission bits only. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly modifiedSeconds: number;
  /** Where a link leads. */
  readonly target?: Buffer;
  /** Of a file. */
  readonly sizeBytes?: number;
  /** Exactly `sizeBytes` bytes. */
  readonly content?: Bytes | Uint8Array;
}

const blockSize = 512;
const endOfArchive = Buffer.alloc(2 * blockSize);

/**
 * Writes members as a tar archive in GNU's format. tar-stream, which reads archives for us, would put long and non-ASCII
 * names into pax headers, which the tar of busybox skips; GNU's long names are read by all: GNU, busybox, BSD and Python.
 * Throws a `RangeError` for content that is not as long as announced.
 *
 * @yields pieces of the archive, large and small
 */
export async function* writeTar(members: AsyncIterable<TarMember> | Iterable<TarMember>): AsyncGenerator<Uint8Array> {
  for await (const member of members) {
    const { sizeBytes = 0, content = endOfArchive.subarray(0, 0) } = member;
    yield encodeHeaders(member);
    let written = 0;
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      written += chunk.byteLength;
      if (written > sizeBytes) break;
      yield chunk;
    }
    if (written !== sizeBytes) {
      throw new RangeError(`${member.name.toString()}: content is not the announced ${sizeBytes} bytes long`);
    }
    yield endOfArchive.subarray(0, padding(sizeBytes));
  }
  yield endOfArchive;
}

/**
 * Gathers small chunks into ones of at least `size` bytes, since each costs a system call or a packet.
 *
 * @yields the same bytes
 */
export async function* gather(bytes: Bytes, size = 65_536): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    held.push(chunk);
    length += chunk.byteLength;
    if (length < size) continue;
    yield held.length === 1 ? chunk : Buffer.concat(held, length);
    held = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(held, length);
}

const typeFlags = { file: '0', link: '1', symlink: '2', directory: '5' } as const;

function encodeHeaders(member: TarMember): Buffer {
  const name = member.type === 'directory' ? Buffer.concat([member.name, Buffer.from('/')]) : member.name;
  const blocks: Buffer[] = [];
  if (member.target !== undefined && member.target.byteLength > 100) blocks.push(...encodeLong('K', member.target));
  if (name.byteLength > 100) blocks.push(...encodeLong('L', name));
  const { sizeBytes = 0, mode, modifiedSeconds, target } = member;
  blocks.push(encodeHeader(typeFlags[member.type], name, { size: sizeBytes, mode, modifiedSeconds, target }));
  return Buffer.concat(blocks);
}

function encodeLong(flag: 'K' | 'L', text: Buffer): Buffer[] {
  const content = Buffer.concat([text, Buffer.alloc(1)]);
  const header = encodeHeader(flag, Buffer.from('././@LongLink'), {
    size: content.byteLength,
    mode: 0o644,
    modifiedSeconds: 0,
    target: undefined,
  });
  return [header, content, Buffer.alloc(padding(content.byteLength))];
}

interface HeaderFields {
  readonly size: number;
  readonly mode: number;
  readonly modifiedSeconds: number;
  readonly target: Buffer | undefined;
}

function encodeHeader(flag: string, name: Buffer, fields: HeaderFields): Buffer {
  const block = Buffer.alloc(blockSize);
  name.copy(block, 0, 0, 100);
  block.write(octal(fields.mode & 0o777, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  writeSize(block, fields.size);
  const latest = 0o77777777777;
  block.write(octal(Math.min(Math.max(Math.trunc(fields.modifiedSeconds) || 0, 0), latest), 11), 136);
  block.write(' '.repeat(8), 148);
  block.write(flag, 156);
  fields.target?.copy(block, 157, 0, 100);
  block.write('ustar  \0', 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

// Above 8 GiB the eleven octal digits do not do: GNU's binary form, all of which the four tars read.
function writeSize(block: Buffer, size: number): void {
  if (size < 8 ** 11) {
    block.write(octal(size, 11), 124);
    return;
  }
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(size), 128);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function padding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}
