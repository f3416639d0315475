import { basename, dirname } from 'node:path/posix';

import type { Host } from './host.ts';
import { checkBeneath, checkPath, enterScript, isMissing, pathError } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { shellScript } from './script.ts';

/** What stands at a path. */
export interface PathInfo {
  /** `link` is a symbolic link, wherever it leads. */
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  readonly sizeBytes: number;
  /** Permission bits, with setuid, setgid and sticky: `0o644`. */
  readonly mode: number;
  /** By the host's clock, in whole seconds. */
  readonly modifiedAt: Date;
}

/** Looks at a path without following a link at its end. `undefined` when nothing is there. */
export async function statPath(host: Host, path: string, options: PathOptions = {}): Promise<PathInfo | undefined> {
  const place = locate(path, options);
  const result = await host.run(shellScript(statScript, ...place), runOptions(options));
  if (isMissing(result)) return undefined;
  const [mode = '', size = '', seconds = ''] = result.stdout.toString().trim().split(' ');
  if (result.exitCode !== 0 || !/^[0-9a-f]+$/i.test(mode))
    throw pathError(host, `look at ${path}`, result, 'READ_FAILED');
  const bits = Number.parseInt(mode, 16);
  return {
    kind: kinds[bits & 0o170000] ?? 'other',
    sizeBytes: Number(size),
    mode: bits & 0o7777,
    modifiedAt: new Date(Number(seconds) * 1000),
  };
}

/**
 * Removes a file, a link or a directory with all that is in it, also out of directories that are read-only. What is missing
 * is fine. Throws `WRITE_FAILED` or `PERMISSION_DENIED` when something is left.
 */
export async function removePath(host: Host, path: string, options: PathOptions = {}): Promise<void> {
  const place = locate(path, options);
  const result = await host.run(shellScript(removeScript, ...place), runOptions(options));
  if (result.exitCode !== 0 && !isMissing(result)) throw pathError(host, `remove ${path}`, result, 'WRITE_FAILED');
}

/** SHA-256 of a regular file's content in 64 hex digits, computed on the host. Throws `NOT_FOUND`, `PATH_REFUSED`. */
export async function hashFile(host: Host, path: string, options: PathOptions = {}): Promise<string> {
  const place = locate(path, options);
  const result = await host.run(shellScript(hashScript, ...place), runOptions(options));
  const digest = /^\\?([0-9a-f]{64})\b/.exec(result.stdout.toString())?.[1];
  if (result.exitCode !== 0 || digest === undefined) throw pathError(host, `hash ${path}`, result, 'READ_FAILED');
  return digest;
}

/** Where a script finds a path: its directory, its name in it, and the trusted directory above. */
export function locate(
  path: string,
  options: Pick<PathOptions, 'beneath'>,
): [directory: string, name: string, beneath: string] {
  const normal = checkPath(path);
  if (normal === '/') throw new TypeError('path must not be /');
  const directory = dirname(normal);
  const beneath = checkBeneath(directory, options.beneath);
  return [directory, basename(normal), beneath];
}

function runOptions(options: PathOptions): { cwd: string; abortSignal?: AbortSignal } {
  // Of all directories this one is there on every host; the home may not be.
  return { cwd: '/', ...(options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal }) };
}

const kinds: Readonly<Record<number, PathInfo['kind']>> = { 0o100000: 'file', 0o040000: 'directory', 0o120000: 'link' };

const statScript = `${enterScript}
enter "$1" "$3"
[ -e "./$2" ] || [ -L "./$2" ] || lost "./$2"
describe "./$2"`;

// What keeps rm out are directories without write permission, as Go's module cache has them.
const removeScript = `${enterScript}
enter "$1" "$3"
rm -rf -- "./$2" 2>/dev/null && exit
find "./$2" -type d ! -perm -700 -exec chmod u+rwx {} \\;
rm -rf -- "./$2"`;

const hashScript = `${enterScript}
enter "$1" "$3"
open_regular "$2" "$3"
for tool in sha256sum 'shasum -a 256' 'openssl dgst -sha256 -r'; do
  command -v "\${tool%% *}" >/dev/null 2>&1 && exec $tool <&3
done
echo 'no sha256sum, shasum or openssl' >&2
exit 1`;
