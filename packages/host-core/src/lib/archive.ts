import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { checkHardLink, checkMemberName, toText } from './archive-member.ts';
import { HostError } from './errors.ts';
import { DEFAULT_EXCLUDES, createExcludeMatcher, hostExcludes } from './exclude-matcher.ts';
import type { Bytes, Host, HostProcess } from './host.ts';
import { checkBeneath, checkPath, enterScript, pathError } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { readTar } from './read-tar.ts';
import type { TarEntry } from './read-tar.ts';
import { outputTail } from './run-checked.ts';
import { shellScript } from './script.ts';
import { gather, writeTar } from './tar-writer.ts';
import type { TarMember } from './tar-writer.ts';

/** Something about an archive that does not keep it from being made or restored, but that its owner should know. */
export interface ArchiveWarning {
  /**
   * - `FILE_CHANGED`: a file changed or vanished while it was read.
   * - `MEMBER_SKIPPED`: a FIFO, socket or device, or a second name of a file that is left out.
   */
  readonly code: 'FILE_CHANGED' | 'MEMBER_SKIPPED';
  readonly message: string;
}

/** Options of `archiveDirectory`. */
export interface ArchiveOptions extends PathOptions {
  /** Only these, relative to the directory, with all below them. One that is missing is skipped. @default everything */
  readonly include?: readonly string[];
  /** Patterns as for `createExcludeMatcher`; not added to the default ones. @default `DEFAULT_EXCLUDES` */
  readonly exclude?: readonly string[];
  /** Bytes of content, before compression, with half a KiB for each member. More is an `OUTPUT_LIMIT`. @default no limit */
  readonly maxBytes?: number;
  /** Hears what was left out or is doubtful. */
  readonly onWarning?: (warning: ArchiveWarning) => void;
}

/**
 * Archives the contents of a directory as a gzip'd tar with relative members, as a stream: nothing is held but a few buffers.
 * The host's tar reads, its output is parsed here member by member and written anew. Empty directories and symbolic links are
 * kept; owners, setuid bits and special files are not.
 *
 * Starts when it is first read; ends the far side when the reader stops. Reading throws `NOT_FOUND`, `PATH_REFUSED`,
 * `OUTPUT_LIMIT`, and `ARCHIVE_FAILED` whenever tar did not end well: an archive that ends without an error is whole.
 */
export function archiveDirectory(host: Host, directory: string, options: ArchiveOptions = {}): Bytes {
  const path = checkPath(directory, 'directory');
  const beneath = checkBeneath(path, options.beneath);
  const exclude = options.exclude ?? DEFAULT_EXCLUDES;
  const include = options.include?.map((name) => {
    const normal = checkInclude(name);
    return normal === '' ? '.' : normal;
  });
  const isAll = include === undefined || include.includes('.');
  const excludes = hostExcludes(exclude).map((pattern) => `--exclude=${pattern}`);
  const command = shellScript(
    archiveScript,
    path,
    beneath,
    excludes.join(' '),
    isAll ? 'all' : '',
    ...(isAll ? [] : include),
  );
  return compress(() => readMembers(host, path, command, exclude, options));
}

async function* compress(members: () => AsyncIterable<TarMember>): AsyncGenerator<Uint8Array, void, void> {
  // Level 4 is the first that looks ahead: two thirds of the default's time for a few per cent.
  const gzip = createGzip({ level: 4, chunkSize: 65_536 });
  pipeline(Readable.from(gather(writeTar(members())), { objectMode: false }), gzip, () => undefined);
  yield* gzip;
}

async function* readMembers(
  host: Host,
  path: string,
  command: readonly string[],
  exclude: readonly string[],
  options: ArchiveOptions,
): AsyncGenerator<TarMember, void, void> {
  const { maxBytes = Number.POSITIVE_INFINITY, abortSignal } = options;
  const warn = (code: ArchiveWarning['code'], message: string): void => options.onWarning?.({ code, message });
  const isExcluded = createExcludeMatcher(exclude);
  const child = await host.spawn(command, { cwd: '/', ...(abortSignal === undefined ? {} : { abortSignal }) });
  try {
    const complaints = collectComplaints(child);
    let total = 0;
    for await (const entry of readTar(child.stdout)) {
      const member = toMember(entry, isExcluded, warn);
      if (member === undefined) continue;
      total += 512 + (member.sizeBytes ?? 0);
      if (total > maxBytes) {
        throw new HostError(
          'OUTPUT_LIMIT',
          `Cannot archive ${path} on ${host.description}: it holds more than ${maxBytes} bytes`,
        );
      }
      yield member;
    }
    const exit = await child.exited;
    const stderr = await complaints;
    if (exit.exitCode === 0 && stderr.byteLength === 0) return;
    const lines = stderr
      .toString()
      .split('\n')
      .filter((line) => line !== '');
    const isTolerable = exit.exitCode === 0 || (exit.exitCode === 1 && lines.length > 0 && lines.every(isHarmless));
    if (!isTolerable) {
      throw pathError(host, `archive ${path}`, { ...exit, stderr: Buffer.from(outputTail(stderr)) }, 'ARCHIVE_FAILED');
    }
    for (const line of lines.filter((text) => !isSummary(text))) {
      warn(line.endsWith(': socket ignored') ? 'MEMBER_SKIPPED' : 'FILE_CHANGED', line);
    }
  } finally {
    await child.kill({ graceMs: 0 });
  }
}

function toMember(
  entry: TarEntry,
  isExcluded: (path: string, isDirectory: boolean) => boolean,
  warn: (code: 'MEMBER_SKIPPED', message: string) => void,
): TarMember | undefined {
  const name = checkMemberName(entry.name);
  const text = toText(name);
  if (name === '' || isExcluded(text, entry.type === 'directory')) return undefined;
  const base = { name: Buffer.from(name, 'latin1'), mode: entry.mode & 0o777, modifiedSeconds: entry.modifiedSeconds };
  const { sizeBytes, content, target } = entry;
  switch (entry.type) {
    case 'file':
    case 'contiguous-file':
      return { ...base, type: 'file', sizeBytes, content };
    case 'directory':
      return { ...base, type: 'directory' };
    case 'symlink':
      return { ...base, type: 'symlink', target: Buffer.from(target, 'latin1') };
    case 'link': {
      const original = checkHardLink(name, target);
      if (isExcluded(toText(original), false)) {
        warn('MEMBER_SKIPPED', `${text} is the same file as ${toText(original)}, which is left out`);
        return undefined;
      }
      return { ...base, type: 'link', target: Buffer.from(original, 'latin1') };
    }
    case null:
    default:
      warn('MEMBER_SKIPPED', `${text} is a ${entry.type ?? 'member of an unknown type'}`);
      return undefined;
  }
}

const maxComplaintBytes = 1024 * 1024;

async function collectComplaints(child: HostProcess): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of child.stderr) {
      if (length < maxComplaintBytes) chunks.push(chunk);
      length += chunk.byteLength;
    }
  } catch {
    // What ended it fails stdout as well, and is thrown from there.
  }
  return Buffer.concat(chunks);
}

// GNU tar ends with 1 for these; busybox tar ends with 1 for anything, and so each line has to be one of them.
function isHarmless(line: string): boolean {
  return (
    /: (?:file changed as we read it|File removed before we read it|socket ignored)$/.test(line) ||
    /: File shrank by \d+ bytes; padding with zeros$/.test(line) ||
    line.endsWith(': No such file or directory') ||
    isSummary(line)
  );
}

function isSummary(line: string): boolean {
  return /: (?:error exit delayed from previous errors|Exiting with failure status due to previous errors)$/.test(line);
}

function checkInclude(name: string): string {
  const steps = name.split('/').filter((step) => step !== '' && step !== '.');
  if (name.startsWith('/') || name.includes('\0') || steps.includes('..')) {
    throw new TypeError(`${JSON.stringify(name)} is no path relative to the directory`);
  }
  return steps.join('/');
}

// `set -f` and an unquoted $3: the exclude patterns hold no blanks, see `hostExcludes`. A parent of an included path that is
// a link would make tar read through it.
const archiveScript = `${enterScript}
enter "$1" "$2"
excludes=$3 all=$4
shift 4
set -f
export LC_ALL=C
# busybox may have been built without it: then all travels, and is left out here.
tar $excludes -cf /dev/null -- /dev/null 2>/dev/null || excludes=
if [ -n "$all" ]; then
  set -- .
else
  for name; do
    shift
    [ -e "./$name" ] || [ -L "./$name" ] || continue
    parent=$name
    while :; do
      case $parent in */*) parent=\${parent%/*} ;; *) break ;; esac
      if [ -L "./$parent" ]; then
        echo "$parent is a symbolic link" >&2
        exit 1
      fi
    done
    set -- "$@" "./$name"
  done
  [ $# -gt 0 ] || exit 0
fi
exec tar -cf - $excludes -- "$@"`;
