import { posix } from 'node:path';

/** A path as a directory that links must not lead out of, and what lies below it. */
export interface HookPath {
  /** The workdir for a relative path, else the root. */
  readonly directory: string;
  /** Relative to it, never empty. */
  readonly path: string;
}

/** What `resolveHookPath` needs to know. */
export interface ResolveHookPathOptions {
  readonly workdir: string;
  /** Asks for the home of the host's user; called only for a path that begins with `~`. */
  readonly readHome: () => Promise<string>;
}

/**
 * Understands a path that a hook gives: absolute, `~/…` or relative to the workdir. `..` may be used in the first two only.
 * Anything else is a `TypeError`.
 */
export async function resolveHookPath(path: string, { workdir, readHome }: ResolveHookPathOptions): Promise<HookPath> {
  if (path === '' || path.includes('\0')) throw new TypeError(`Not a path on the host: ${JSON.stringify(path)}`);
  if (path.startsWith('/')) return belowRoot(path);
  if (path === '~' || path.startsWith('~/')) return belowRoot(`${await readHome()}${path.slice(1)}`);
  if (path.split('/').includes('..')) {
    throw new TypeError(`A path in the workdir must not contain "..": ${JSON.stringify(path)}`);
  }
  const normalized = posix.normalize(path).replace(/\/+$/, '');
  if (normalized === '.' || normalized === '')
    throw new TypeError(`Not a file in the workdir: ${JSON.stringify(path)}`);
  return { directory: workdir, path: normalized };
}

function belowRoot(path: string): HookPath {
  const below = path.replace(/^\/+/, '');
  if (below === '') throw new TypeError('Not a file: "/"');
  return { directory: '/', path: below };
}
