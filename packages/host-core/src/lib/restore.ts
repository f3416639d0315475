import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

import {
  checkHardLink,
  checkLinkTarget,
  checkMemberName,
  checkNotBeneathLink,
  refused,
  toText,
} from './archive-member.ts';
import type { ByteString } from './archive-member.ts';
import type { ArchiveWarning } from './archive.ts';
import { checkBytes } from './check-bytes.ts';
import { HostError } from './errors.ts';
import type { Bytes, Host } from './host.ts';
import { checkBeneath, checkPath, pathError } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { placeTar } from './place-tar.ts';
import { readTar } from './read-tar.ts';
import type { TarEntry } from './read-tar.ts';
import type { TarMember } from './tar-writer.ts';

/** Options of `restoreDirectory`. */
export interface RestoreOptions extends PathOptions {
  /**
   * What becomes of what is in the directory: `remove` it, or `keep` it and put the archive's members over it.
   * @default 'remove'
   */
  readonly existing?: 'keep' | 'remove';
  /**
   * `refuse-outward` refuses an archive with a symbolic link that leads, or may lead, out of the directory; `keep` takes
   * links as they are. Nothing is ever written through one.
   * @default 'refuse-outward'
   */
  readonly links?: 'keep' | 'refuse-outward';
  /** Takes only members for which it returns `true`. Asked with relative paths, directories included. @default all */
  readonly filter?: (path: string, kind: 'directory' | 'file' | 'link') => boolean;
  /** Bytes of content, unpacked, with half a KiB for each member. More is an `ARCHIVE_REFUSED`. @default no limit */
  readonly maxBytes?: number;
  /** Hears of members that are left out. */
  readonly onWarning?: (warning: ArchiveWarning) => void;
}

/** What was restored. */
export interface RestoreResult {
  /** Members written: files, directories and links. */
  readonly entries: number;
  /** Bytes of content in them. */
  readonly bytes: number;
}

/**
 * Unpacks a gzip'd tar into a directory, as a stream. Each member is parsed and checked here and written anew; the host's tar
 * gets nothing else. It unpacks into a fresh directory inside the target; only when the whole archive has proved good are the
 * old contents removed and the new ones renamed into place: an archive that is refused or breaks off changes nothing. The
 * directory is made (0700) when it is missing.
 *
 * Setuid, setgid and sticky bits are dropped, directories are always open to their owner, FIFOs are left out with a warning.
 *
 * Throws `ARCHIVE_REFUSED`, naming the member, for absolute names, `..`, devices, links that lead out, members beneath a link
 * and whatever is no such archive; `ARCHIVE_FAILED` when the host could not unpack; the error of `archive` as it is.
 */
export async function restoreDirectory(
  host: Host,
  directory: string,
  archive: Bytes,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  checkBytes(archive, 'archive');
  const path = checkPath(directory, 'directory');
  const beneath = checkBeneath(path, options.beneath);
  const { existing = 'remove', abortSignal } = options;
  const counts = { entries: 0, bytes: 0 };
  const result = await placeTar(host, path, readMembers(archive, options, counts), {
    beneath,
    existing,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  if (result.exitCode !== 0) throw pathError(host, `restore ${path}`, result, 'ARCHIVE_FAILED');
  return counts;
}

// Links are held until the end; a name and a target of the usual length make this half a million of them.
const maxLinkBytes = 64 * 1024 * 1024;

async function* readMembers(
  archive: Bytes,
  options: RestoreOptions,
  counts: { entries: number; bytes: number },
): AsyncGenerator<TarMember, void, void> {
  const { maxBytes = Number.POSITIVE_INFINITY, filter = () => true, links = 'refuse-outward' } = options;
  const hardLinks: TarMember[] = [];
  const symbolicLinks = new Map<ByteString, TarMember>();
  let total = 0;
  let linkBytes = 0;
  for await (const entry of readTar(decompress(archive))) {
    const name = checkMemberName(entry.name);
    const member = toMember(name, entry);
    if (name === '') continue;
    if (member === undefined) {
      options.onWarning?.({ code: 'MEMBER_SKIPPED', message: `${toText(name)} is a ${entry.type}` });
      continue;
    }
    const kind = member.type === 'symlink' || member.type === 'link' ? 'link' : member.type;
    if (!filter(toText(name), kind)) continue;
    total += 512 + (member.sizeBytes ?? 0);
    if (total > maxBytes) throw refused(name, `the archive holds more than ${maxBytes} bytes`);
    checkNotBeneathLink(name, symbolicLinks);
    counts.entries += 1;
    counts.bytes += member.sizeBytes ?? 0;
    if (member.target === undefined) {
      yield member;
      continue;
    }
    linkBytes += 256 + name.length + member.target.byteLength;
    if (linkBytes > maxLinkBytes) throw refused(name, 'the archive holds too many links');
    if (member.type === 'link') {
      hardLinks.push(member);
      continue;
    }
    if (links === 'refuse-outward') checkLinkTarget(name, entry.target);
    symbolicLinks.set(name, member);
  }
  yield* hardLinks;
  for (const [name, member] of symbolicLinks) {
    checkNotBeneathLink(name, symbolicLinks);
    yield member;
  }
}

/** `undefined` for what is left out. */
function toMember(name: ByteString, entry: TarEntry): TarMember | undefined {
  const base = { name: Buffer.from(name, 'latin1'), mode: entry.mode & 0o777, modifiedSeconds: entry.modifiedSeconds };
  switch (entry.type) {
    case 'file':
    case 'contiguous-file':
      return { ...base, type: 'file', sizeBytes: entry.sizeBytes, content: entry.content };
    case 'directory':
      return { ...base, type: 'directory', mode: base.mode | 0o700 };
    case 'symlink':
      if (entry.target === '' || entry.target.includes('\0')) throw refused(name, 'it is a link to nothing');
      return { ...base, type: 'symlink', target: Buffer.from(entry.target, 'latin1') };
    case 'link':
      return { ...base, type: 'link', target: Buffer.from(checkHardLink(name, entry.target), 'latin1') };
    case 'fifo':
      return undefined;
    case null:
    default:
      throw refused(name, `it is a ${entry.type ?? 'member of an unknown type'}`);
  }
}

async function* decompress(archive: Bytes): AsyncGenerator<Uint8Array, void, void> {
  const gunzip = createGunzip({ chunkSize: 65_536 });
  let sourceError: { readonly error: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array, void, void> {
    const iterator = archive[Symbol.asyncIterator]();
    let isEnded = false;
    try {
      for (;;) {
        // Only what the source throws: an unzipping that fails throws its own error in at the `yield`.
        const next = await iterator.next().catch((error: unknown) => {
          isEnded = true;
          sourceError = { error };
          throw error;
        });
        isEnded = next.done === true;
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      if (!isEnded) await iterator.return?.();
    }
  }
  pipeline(Readable.from(watched(), { objectMode: false }), gunzip, () => undefined);
  try {
    yield* gunzip;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError.error;
    const message = `Cannot read the archive: ${(error as Error).message}`;
    throw new HostError('ARCHIVE_REFUSED', message, { cause: error });
  }
}
