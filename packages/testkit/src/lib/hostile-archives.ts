import { gzipSync } from 'node:zlib';

import { gnuLong, paxHeader, rawTar, tarEnd, type RawMember } from './raw-tar.ts';

/** An archive that somebody made to do harm, or that breaks a parser. */
export interface HostileArchive {
  readonly kind: string;
  /** A gzip'd tar, or what passes for one. Made when it is asked for: some are large. */
  readonly archive: () => Buffer;
  /**
   * `refused`: taking it is a mistake. `harmless`: it may be refused, or taken without anything outside being touched and
   * without leaving anything special inside.
   */
  readonly verdict: 'refused' | 'harmless';
  /** The member to blame, as its name stands in the archive; absent where no member is. */
  readonly member?: string;
}

/** Options of `hostileArchives`. */
export interface HostileArchivesOptions {
  /** In front of every name: a place that the importer takes members for, ending with `/`; or nothing. */
  readonly prefix: string;
  /** A directory outside the target, absolute. */
  readonly outside: string;
  /** The same, as it is reached from `prefix` below the target. */
  readonly wayOut: string;
  /** More than the importer takes, where that is little enough to be made. @default no such archive */
  readonly tooManyBytes?: number;
}

/** Every kind of hostile archive that we know, made for one importer. */
export function hostileArchives(options: HostileArchivesOptions): readonly HostileArchive[] {
  return [...hostileNames(options), ...hostileLinks(options), ...hostileTypes(options), ...hostileStructures(options)];
}

const harmless = 'harmless';
// More than any parser should hold for a name.
const endless = Buffer.alloc(64 * 1024 ** 2, '1');
const refused = 'refused';

function make(
  kind: string,
  verdict: HostileArchive['verdict'],
  members: readonly RawMember[],
  member?: string,
): HostileArchive {
  const archive = (): Buffer => gzipSync(Buffer.concat([rawTar(...members), tarEnd]), { level: 1 });
  return { kind, verdict, archive, ...(member === undefined ? {} : { member }) };
}

function hostileNames({ prefix, outside, wayOut }: HostileArchivesOptions): HostileArchive[] {
  const bad = (kind: string, name: string): HostileArchive => make(kind, refused, [{ name, content: 'evil' }], name);
  const odd = (kind: string, name: string | Buffer): HostileArchive =>
    make(kind, harmless, [{ name: Buffer.concat([Buffer.from(prefix), Buffer.from(name)]), content: 'odd' }]);
  const long = `${wayOut}/${'x/'.repeat(100)}evil`;
  return [
    bad('an absolute name', `${outside}/evil`),
    bad('an absolute name with two slashes', `/${outside}/evil`),
    bad('a name that starts with ..', `../${'x'}`),
    bad('a name with .. behind the prefix', `${prefix}${wayOut}/evil`),
    bad('a name with .. in the middle', `${prefix}a/${wayOut}/../evil`),
    bad('a name with ./..', `./${prefix}./${wayOut}/evil`),
    bad('a name with //..', `${prefix}a//..//${wayOut}/evil`),
    bad('a name that ends with ..', `${prefix}..`),
    make('a directory called ..', refused, [{ name: `${prefix}../`, type: '5' }], `${prefix}../`),
    make(
      'an absolute name in ustar prefix',
      refused,
      [{ name: 'evil', prefix: outside, content: 'evil' }],
      `${outside}/evil`,
    ),
    make('.. in ustar prefix', refused, [{ name: 'evil', prefix: `${prefix}${wayOut}` }], `${prefix}${wayOut}/evil`),
    make(
      'an absolute name by pax',
      refused,
      [paxHeader({ path: `${outside}/evil` }), { name: `${prefix}ok` }],
      `${outside}/evil`,
    ),
    make('.. by pax', refused, [paxHeader({ path: `${prefix}${long}` }), { name: `${prefix}ok` }], `${prefix}${long}`),
    make('.. by a long name of GNU', refused, [gnuLong('L', `${prefix}${long}`), { name: 'ok' }], `${prefix}${long}`),
    make('an absolute name by a global pax header', harmless, [
      paxHeader({ path: `${outside}/evil` }, 'g'),
      { name: `${prefix}ok` },
    ]),
    make(
      'a NUL in a name by pax',
      refused,
      [paxHeader({ path: `${prefix}a\0b` }), { name: `${prefix}ok` }],
      `${prefix}a\0b`,
    ),
    make('a good name by pax over a bad one', harmless, [paxHeader({ path: `${prefix}ok` }), { name: '../evil' }]),
    odd('backslashes with ..', '..\\..\\evil'),
    odd('a drive letter', 'C:\\evil'),
    odd('four dots', '..../evil'),
    odd('a name that ends with a dot', 'evil.'),
    odd('a newline', 'a\nb'),
    odd('escape sequences', '\x1b[2J\x07'),
    odd('an option of tar', '--checkpoint-action=exec=touch evil'),
    odd('an option of rm', '-rf'),
    odd('a list of files', '@evil'),
    odd('a home', '~/evil'),
    odd('a command', '$(touch evil)`touch evil`;touch evil'),
    odd('a pattern', '*'),
    odd('no UTF-8', Buffer.from([0xff, 0xfe, 0x80])),
    odd('half a surrogate', Buffer.from([0xed, 0xa0, 0x80])),
    odd('text from right to left', '\u202Egpj.exe'),
    odd('a part that is too long for any file system', 'x'.repeat(50)),
    make('a name of 300 characters', harmless, [paxHeader({ path: `${prefix}${'x'.repeat(300)}` }), { name: 'ok' }]),
    make('a path of 6000 characters', harmless, [
      paxHeader({ path: `${prefix}${'x/'.repeat(3000)}x` }),
      { name: 'ok' },
    ]),
    make('no name', harmless, [{ name: '', content: 'x' }]),
    make('a file called .', harmless, [{ name: '.', content: 'x' }]),
    make('a file whose name ends with a slash', harmless, [{ name: `${prefix}a/`, content: 'x' }]),
    make('names that differ in case', harmless, [{ name: `${prefix}A` }, { name: `${prefix}a/b` }]),
    make('names that differ in their normal form', harmless, [{ name: `${prefix}é` }, { name: `${prefix}e\u0301` }]),
  ];
}

function hostileLinks({ prefix, outside, wayOut }: HostileArchivesOptions): HostileArchive[] {
  const link = (name: string, target: string): RawMember => ({ name: `${prefix}${name}`, type: '2', target });
  const hard = (name: string, target: string): RawMember => ({ name: `${prefix}${name}`, type: '1', target });
  const file = (name: string, content = 'evil'): RawMember => ({ name: `${prefix}${name}`, content });
  const directory = (name: string): RawMember => ({ name: `${prefix}${name}/`, type: '5', mode: 0o755 });
  const bad = (kind: string, blamed: string, ...members: readonly RawMember[]): HostileArchive =>
    make(kind, refused, members, `${prefix}${blamed}`);
  const odd = (kind: string, ...members: readonly RawMember[]): HostileArchive => make(kind, harmless, members);
  return [
    bad('a link to an absolute path', 'l', link('l', outside)),
    bad('a link to the root', 'l', link('l', '/')),
    bad('a link into /proc', 'l', link('l', '/proc/self/cwd')),
    bad('a link out', 'l', link('l', wayOut)),
    bad('a link out through a directory', 'l', directory('d'), link('l', `d/../${wayOut}`)),
    bad('a link out by pax', 'l', paxHeader({ linkpath: `${wayOut}/victim` }), link('l', 'ok')),
    bad('a link out by a long target of GNU', 'l', gnuLong('K', `${'./'.repeat(80)}${wayOut}/victim`), link('l', 'ok')),
    bad('a link to nothing', 'l', link('l', '')),
    bad('a NUL in a target by pax', 'l', paxHeader({ linkpath: `a\0/../${wayOut}` }), link('l', 'ok')),
    bad('a link out in two steps', 'm', link('l', '.'), link('m', `l/../${wayOut}`)),
    bad(
      'a link out in three steps',
      'n',
      directory('d'),
      link('d/l', '..'),
      link('m', 'd/l'),
      link('n', `m/../${wayOut}`),
    ),
    make('a file through a link out', refused, [link('l', wayOut), file('l/victim')]),
    make('a file through a link in two steps', refused, [link('l', 'm'), link('m', wayOut), file('l/victim')]),
    bad('a file through a link that stays inside', 'l/x', directory('d'), link('l', 'd'), file('l/x')),
    make('a link in place of a directory with a file', refused, [file('d/x'), link('d', wayOut), file('d/victim')]),
    make('a directory over a link out', refused, [link('l', wayOut), directory('l'), file('l/victim')]),
    make('a file over a link out', refused, [link('l', `${wayOut}/victim`), file('l')]),
    odd('a file over a link that stays inside', file('f', 'f'), link('l', 'f'), file('l', 'l')),
    odd('a link to itself', link('l', 'l')),
    odd('links in a circle', link('a', 'b'), link('b', 'c'), link('c', 'a')),
    odd('a chain of 60 links', ...Array.from({ length: 60 }, (_, index) => link(`l${index}`, `l${index + 1}`))),
    bad('a hard link to an absolute path', 'h', hard('h', `${outside}/victim`)),
    bad('a hard link out', 'h', hard('h', `${wayOut}/victim`)),
    bad('a hard link out below the prefix', 'h', hard('h', `${prefix}${wayOut}/victim`)),
    bad('a hard link out by pax', 'h', paxHeader({ linkpath: `${outside}/victim` }), hard('h', 'ok')),
    bad('a hard link to itself', 'h', hard('h', `${prefix}h`)),
    bad('a hard link to nothing', 'h', hard('h', '')),
    odd('a hard link to what is not there', hard('h', `${prefix}missing`)),
    make('a hard link to a link out', refused, [link('l', `${wayOut}/victim`), hard('h', `${prefix}l`), file('h')]),
    make('a hard link through a link', refused, [link('l', wayOut), hard('h', `${prefix}l/victim`)]),
    odd('a hard link to a directory', directory('d'), hard('h', `${prefix}d`)),
    odd('a file over a hard link', file('f', 'f'), hard('h', `${prefix}f`), file('h', 'h')),
  ];
}

function hostileTypes({ prefix }: HostileArchivesOptions): HostileArchive[] {
  const name = `${prefix}t`;
  const bad = (kind: string, member: RawMember): HostileArchive => make(kind, refused, [{ name, ...member }], name);
  const odd = (kind: string, ...members: readonly RawMember[]): HostileArchive =>
    make(
      kind,
      harmless,
      members.map((member) => ({ name, ...member })),
    );
  return [
    bad('a character device', { type: '3', device: [1, 3] }),
    bad('a block device', { type: '4', device: [8, 0] }),
    odd('a FIFO', { type: '6' }),
    bad('an unknown type', { type: 'Z' }),
    bad('a sparse file of GNU', { type: 'S' }),
    bad('a continued volume of GNU', { type: 'M' }),
    odd('a label of GNU', { type: 'V' }),
    odd('a list of a directory of GNU', { type: 'D' }),
    odd('a contiguous file', { type: '7', content: 'x' }),
    odd('a setuid program', { mode: 0o4755, content: '#!/bin/sh\n' }),
    odd('a setgid program', { mode: 0o2755, content: '#!/bin/sh\n' }),
    odd('a sticky directory for all', { type: '5', mode: 0o1777 }),
    odd('a directory that nobody may enter', { type: '5', mode: 0 }, { name: `${name}/x`, content: 'x' }),
    odd('a mode that is no number', { mode: 'zzzzzzz\0' }),
    odd('an owner beyond all numbers', { uid: Buffer.from([0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) }),
    odd('a time before all times', { modified: Buffer.from([0xff, ...Array<number>(11).fill(0)]) }),
    odd('a time beyond all times', { modified: Buffer.from([0x80, ...Array<number>(11).fill(0xff)]) }),
    odd(
      'capabilities and lists of rights',
      paxHeader({ 'SCHILY.xattr.security.capability': 'x', 'SCHILY.acl.access': 'user::rwx' }),
      {
        content: 'x',
      },
    ),
  ];
}

function hostileStructures({ prefix, outside, tooManyBytes }: HostileArchivesOptions): HostileArchive[] {
  const name = `${prefix}s`;
  const evil = rawTar({ name: `${outside}/evil`, content: 'evil' });
  const good = rawTar({ name, content: 'good' });
  const broken = (kind: string, archive: Buffer): HostileArchive => ({
    kind,
    archive: () => archive,
    verdict: refused,
  });
  const odd = (kind: string, archive: Buffer): HostileArchive => ({
    kind,
    archive: () => archive,
    verdict: harmless,
  });
  const whole = gzipSync(Buffer.concat([good, tarEnd]));
  const changed = (offset: number): Buffer => {
    const bytes = Buffer.from(whole);
    bytes[bytes.length + offset] = (bytes.at(offset) ?? 0) ^ 1;
    return bytes;
  };
  return [
    ...(tooManyBytes === undefined
      ? []
      : [make('more bytes than may be', refused, [{ name, content: Buffer.alloc(tooManyBytes) }], name)]),
    make('more bytes than may be, by a header that says so', refused, [{ name, size: 8 * 1024 ** 3 - 1 }]),
    make('a size beyond all numbers', refused, [{ name, size: Buffer.from([0x80, ...Array<number>(11).fill(0xff)]) }]),
    make('a size below nothing', harmless, [{ name, size: Buffer.from(Array<number>(12).fill(0xff)) }]),
    make('a size that is no number', harmless, [{ name, size: Buffer.from('zzzzzzzzzzz\0'), content: 'x' }]),
    make('a larger size by pax', refused, [paxHeader({ size: '99999' }), { name, content: 'x' }]),
    make('a size below nothing by pax', refused, [paxHeader({ size: '-512' }), { name, content: 'x' }]),
    make('a pax header that is no list', harmless, [{ name: 'x', type: 'x', content: '7 path' }, { name }]),
    make('a pax header that never ends', refused, [{ name: 'x', type: 'x', content: endless }]),
    make('a long name that never ends', refused, [{ name: 'x', type: 'L', content: endless }, { name }]),
    make('a member hidden behind a directory', harmless, [{ name: `${prefix}d/`, type: '5', content: evil }]),
    make('a member hidden behind a link', harmless, [{ name: `${prefix}l`, type: '2', target: 'x', content: evil }]),
    make('a member hidden behind a hard link', harmless, [
      { name, content: 'x' },
      { name: `${prefix}h`, type: '1', target: name, content: evil },
    ]),
    make('a wrong checksum', refused, [{ name, checksum: '0000000\0' }]),
    make('the same file twice', harmless, [
      { name, content: 'one' },
      { name, content: 'two' },
    ]),
    make('a file and something below it', harmless, [{ name }, { name: `${name}/x` }]),
    make('a file in place of a directory', refused, [{ name: `${name}/x` }, { name }]),
    broken('an archive cut short in a header', gzipSync(good.subarray(0, 300))),
    broken('an archive cut short in a member', gzipSync(rawTar({ name, content: 'x'.repeat(2000) }).subarray(0, 1024))),
    odd('an archive without an end', gzipSync(good)),
    odd('an archive with half an end', gzipSync(Buffer.concat([good, tarEnd.subarray(512)]))),
    { kind: 'a gzip that breaks in its middle', verdict: refused, archive: () => tornInTheMiddle(name) },
    broken('a gzip cut short', whole.subarray(0, -10)),
    broken('a gzip of which there is only the header', whole.subarray(0, 10)),
    broken('a gzip with a wrong sum', changed(-8)),
    broken('a gzip with a wrong length', changed(-1)),
    broken('no gzip', Buffer.concat([good, tarEnd])),
    broken('text', Buffer.from('#!/bin/sh\ntouch evil\n')),
    broken('nothing', Buffer.alloc(0)),
    broken('a gzip of text', gzipSync(Buffer.from('x'.repeat(2000)))),
    odd('a second archive behind the end', gzipSync(Buffer.concat([good, tarEnd, evil, tarEnd]))),
    odd('a second gzip behind the end', Buffer.concat([whole, gzipSync(Buffer.concat([evil, tarEnd]))])),
    odd('rubbish behind the gzip', Buffer.concat([whole, Buffer.from('evil'.repeat(100))])),
  ];
}

/** Large enough for its reader to be at work on it when it breaks. */
function tornInTheMiddle(name: string): Buffer {
  const lines = Array.from({ length: 200_000 }, (_, index) => `line ${index}\n`).join('');
  const bytes = gzipSync(rawTar({ name, content: lines }));
  const middle = Math.floor(bytes.length / 2);
  return bytes.fill(0xff, middle, middle + 200);
}
