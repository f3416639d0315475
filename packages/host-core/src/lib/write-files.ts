import { checkBytes } from './check-bytes.ts';
import type { Bytes, Host, RunResult } from './host.ts';
import { checkBeneath, checkPath, pathError } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { planPlacing } from './place-tar.ts';
import type { Placing } from './place-tar.ts';
import type { TarMember } from './tar-writer.ts';

/** Something to write below a directory. `path` is relative to it and holds no `.` or `..`. */
export type HostFile = HostFileContent | HostFileStream | HostFileLink | HostFileDirectory;

/** A file whose content is at hand. */
export interface HostFileContent {
  readonly path: string;
  readonly content: string | Uint8Array;
  /** Permission bits. @default 0o600 */
  readonly mode?: number;
}

/** A file whose content is a stream. */
export interface HostFileStream {
  readonly path: string;
  readonly content: Bytes;
  /** Exactly as many bytes as `content` yields: anything else is a `RangeError`, and nothing is written. */
  readonly sizeBytes: number;
  /** Permission bits. @default 0o600 */
  readonly mode?: number;
}

/** A symbolic link, kept as it is: nothing is written through it. */
export interface HostFileLink {
  readonly path: string;
  /** Where it leads. */
  readonly link: string;
}

/** A directory that is to be there, empty or not. One that is there already keeps its mode. */
export interface HostFileDirectory {
  readonly path: string;
  readonly directory: true;
  /** Permission bits. @default 0o700 */
  readonly mode?: number;
}

/**
 * Writes many files, links and directories below a directory in one round trip. All are unpacked into a fresh directory
 * beside their places, with their modes, and renamed from there: each file is there whole or not at all. What is missing of
 * `directory` and on the way below it is made with mode 0700. Below `directory` no symbolic link is followed: one in the
 * place of a file is replaced, one in the place of a directory is a `PATH_REFUSED`.
 *
 * Throws `WRITE_FAILED` (disk full, a directory where a file should be), `PERMISSION_DENIED`, and the error of a `content`.
 */
export async function writeFiles(
  host: Host,
  directory: string,
  files: Iterable<HostFile>,
  options: PathOptions = {},
): Promise<void> {
  const writing = planWriting({ directory, files, ...options });
  if (writing === undefined) return;
  const { command, stdin, check } = writing;
  const { abortSignal } = options;
  check(host, await host.run(command, { cwd: '/', stdin, ...(abortSignal === undefined ? {} : { abortSignal }) }));
}

/** Files, and where they go. */
export interface FilesToWrite extends Pick<PathOptions, 'beneath'> {
  readonly directory: string;
  readonly files: Iterable<HostFile>;
}

/** `writeFiles` as a command to be run in `/`, and what judges its result; `undefined` where there is nothing to write. */
export function planWriting({
  directory,
  files,
  beneath: given,
}: FilesToWrite): (Placing & { readonly check: (host: Host, result: RunResult) => void }) | undefined {
  const path = checkPath(directory, 'directory');
  const beneath = checkBeneath(path, given);
  const members = checkFiles([...files]);
  if (members.length === 0) return undefined;
  return {
    ...planPlacing(path, members, { beneath, existing: 'keep' }),
    check(host, result) {
      if (result.exitCode !== 0) throw pathError(host, `write files below ${path}`, result, 'WRITE_FAILED');
    },
  };
}

/** Checks names and turns files into members, links last so that no file's way can lead over one. */
function checkFiles(files: readonly HostFile[]): TarMember[] {
  const links = new Set(files.filter((file) => 'link' in file).map((file) => file.path));
  const seen = new Set<string>();
  for (const { path } of files) {
    const isRelative = typeof path === 'string' && path !== '' && !path.includes('\0');
    const steps = isRelative ? path.split('/') : [];
    if (!isRelative || steps.some((step) => step === '' || step === '.' || step === '..')) {
      throw new TypeError(`${JSON.stringify(path)} is no path relative to the directory`);
    }
    if (seen.has(path)) throw new TypeError(`${path} is given twice`);
    seen.add(path);
    for (let depth = 1; depth < steps.length; depth += 1) {
      const parent = steps.slice(0, depth).join('/');
      if (links.has(parent)) throw new TypeError(`${path} lies beneath the link ${parent}`);
    }
  }
  const members = files.map(toMember);
  return [
    ...members.filter(({ type }) => type === 'directory'),
    ...members.filter(({ type }) => type === 'file'),
    ...members.filter(({ type }) => type === 'symlink'),
  ];
}

function toMember(file: HostFile): TarMember {
  const base = { name: Buffer.from(file.path), modifiedSeconds: Math.floor(Date.now() / 1000) };
  if ('link' in file) return { ...base, type: 'symlink', mode: 0o777, target: Buffer.from(file.link) };
  if ('directory' in file) return { ...base, type: 'directory', mode: file.mode ?? 0o700 };
  const common = { ...base, type: 'file', mode: file.mode ?? 0o600 } as const;
  if ('sizeBytes' in file) {
    checkBytes(file.content, `The content of ${file.path}`);
    return { ...common, sizeBytes: file.sizeBytes, content: file.content };
  }
  const content = typeof file.content === 'string' ? Buffer.from(file.content) : file.content;
  return { ...common, sizeBytes: content.byteLength, content };
}
