/** A member of a tar as its header says it, true or not. */
export interface RawMember {
  readonly name?: string | Buffer;
  /** The type flag: `0` a file, `1` a hard link, `2` a symbolic link, `5` a directory, … @default '0' */
  readonly type?: string;
  readonly target?: string | Buffer;
  /** What follows the header, padded to whole blocks. */
  readonly content?: string | Buffer;
  /** The size field, when it lies; text is written as it is. @default the content's */
  readonly size?: number | Buffer;
  readonly mode?: number | string;
  readonly uid?: Buffer;
  readonly modified?: string | Buffer;
  readonly magic?: string;
  readonly prefix?: string;
  readonly device?: readonly [major: number, minor: number];
  readonly checksum?: string;
}

const blockBytes = 512;

/** The two empty blocks that end a tar. */
export const tarEnd: Buffer = Buffer.alloc(2 * blockBytes);

/** Writes members one after the other, without the end, unchecked: any lie that a header can tell. */
export function rawTar(...members: readonly RawMember[]): Buffer {
  return Buffer.concat(members.flatMap((member) => [rawHeader(member), padded(bytesOf(member.content ?? ''))]));
}

/** A member in front of another that says more of it (POSIX.1-2001): `path`, `linkpath`, `size`, … */
export function paxHeader(records: Readonly<Record<string, string>>, type = 'x'): RawMember {
  const content = Object.entries(records).map(([key, value]) => paxRecord(`${key}=${value}\n`));
  return { name: 'PaxHeaders/x', type, content: Buffer.concat(content) };
}

/** GNU's way to say a long name (`L`) or target (`K`) of the member that follows. */
export function gnuLong(type: 'K' | 'L', text: string): RawMember {
  return { name: '././@LongLink', type, content: `${text}\0` };
}

function rawHeader(member: RawMember): Buffer {
  const { name = '', type = '0', target = '', mode = 0o644, magic = 'ustar\x0000', prefix = '' } = member;
  const block = Buffer.alloc(blockBytes);
  const put = (offset: number, length: number, value: string | Buffer): void => {
    bytesOf(value).subarray(0, length).copy(block, offset);
  };
  const size = member.size ?? bytesOf(member.content ?? '').length;
  const [major, minor] = member.device ?? [0, 0];
  put(0, 100, name);
  put(100, 8, typeof mode === 'string' ? mode : `${octal(mode, 7)}\0`);
  put(108, 8, member.uid ?? '0000000\0');
  put(116, 8, '0000000\0');
  put(124, 12, typeof size === 'number' ? `${octal(size, 11)}\0` : size);
  put(136, 12, member.modified ?? '00000000000\0');
  put(156, 1, type);
  put(157, 100, target);
  put(257, 8, magic);
  put(329, 8, `${octal(major, 7)}\0`);
  put(337, 8, `${octal(minor, 7)}\0`);
  put(345, 155, prefix);
  put(148, 8, '        ');
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, 8, member.checksum ?? `${octal(sum, 6)}\0 `);
  return block;
}

function paxRecord(rest: string): Buffer {
  // The length counts its own digits.
  let length = Buffer.byteLength(rest) + 2;
  while (length !== Buffer.byteLength(`${length} ${rest}`)) length += 1;
  return Buffer.from(`${length} ${rest}`);
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)]);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function bytesOf(value: string | Buffer): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : value;
}
