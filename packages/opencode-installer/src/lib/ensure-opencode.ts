import { posix } from 'node:path';

import { probeHost } from '@optio-ts/host-core';
import type { Host, HostProbe } from '@optio-ts/host-core';

import { OpencodeInstallError } from './errors.ts';
import { installProgram } from './install-program.ts';
import { chooseInstalled, findInstalled } from './installed.ts';
import type { InstalledPrograms } from './installed.ts';
import { npmSource } from './npm-source.ts';
import type { DownloadableProgram, InstallProgress, InstallWarning, OpencodeSource, SourceContext } from './source.ts';

/** Options of `ensureOpencode`. */
export interface EnsureOpencodeOptions {
  /** Which opencode, and from where. @default npmSource() */
  readonly source?: OpencodeSource;
  /**
   * Absolute directory on the host in which programs are installed, one directory per version.
   *
   * @default `${OPENCODE_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/optio-opencode/bin}`, in the host's own environment
   */
  readonly cacheDirectory?: string;
  /** What is known about the host. @default it is probed, which costs a trip */
  readonly probe?: HostProbe;
  /** Told what happens. A download reports at most once per percent. */
  readonly onProgress?: (progress: InstallProgress) => void;
  /** Told what went on in another way than asked for. */
  readonly onWarning?: (warning: InstallWarning) => void;
  /** Ends the installation; nothing of it stays behind. */
  readonly abortSignal?: AbortSignal;
}

/** An opencode that works on its host. */
export interface OpencodeBinary {
  /** Absolute, on the host. */
  readonly path: string;
  readonly version: string;
  /** Name of the source it came from: `npm`, `binary`. */
  readonly source: string;
  /** Absolute path of a ripgrep on the host; `undefined`, with a warning, when there is none and none could be had. */
  readonly ripgrepPath: string | undefined;
}

/**
 * Makes sure that an opencode is on the host, and says where. With a probe given and everything installed that is one trip to
 * the host and no network beyond it.
 *
 * What is missing is downloaded here, pushed to the host, verified, run once and only then published. Throws
 * `OpencodeInstallError`s; trouble with the host itself stays a `HostError`.
 */
export async function ensureOpencode(host: Host, options: EnsureOpencodeOptions = {}): Promise<OpencodeBinary> {
  const { abortSignal, cacheDirectory, source = npmSource() } = options;
  if (cacheDirectory !== undefined && !posix.isAbsolute(cacheDirectory)) {
    throw new TypeError(`cacheDirectory must be absolute, not ${JSON.stringify(cacheDirectory)}`);
  }
  try {
    if (abortSignal?.aborted === true) throw aborted(host, abortSignal);
    options.onProgress?.({ step: 'check', message: `Looking for opencode on ${host.description}` });
    const signal = abortSignal === undefined ? {} : { abortSignal };
    const probe = options.probe ?? (await probeHost(host, signal));
    const context: SourceContext = { host, probe, ...signal };
    const [opencode, ripgrep] = await Promise.all([source.resolve(context), source.resolveRipgrep(context)]);
    let found: Promise<InstalledPrograms> | undefined;
    // One look for both, and none when nothing of the cache is needed.
    const lookUp = async (): Promise<InstalledPrograms> => {
      found ??= findInstalled(host, {
        cacheDirectory,
        cacheHome: probe.cacheHome,
        abortSignal,
        variants: opencode.kind === 'download' ? [opencode.variant, ...opencode.otherVariants] : [],
        ripgrepName: ripgrep.kind === 'download' ? ripgrepName(ripgrep) : undefined,
      });
      return found;
    };
    const binary =
      opencode.kind === 'present' ? opencode : await ensureDownloaded(host, options, opencode, await lookUp());
    const ripgrepPath =
      ripgrep.kind === 'present' ? ripgrep.path : await ensureRipgrep(host, options, ripgrep, await lookUp());
    const { path, version } = binary;
    options.onProgress?.({ step: 'ready', message: `opencode ${version} is ready` });
    return { path, version, source: source.name, ripgrepPath };
  } catch (error) {
    // Whatever a cancelled step throws, the caller sees one error for it.
    if (abortSignal?.aborted === true && !isAborted(error)) throw aborted(host, abortSignal, error);
    throw error;
  }
}

async function ensureDownloaded(
  host: Host,
  options: EnsureOpencodeOptions,
  opencode: DownloadableProgram,
  installed: InstalledPrograms,
): Promise<Pick<OpencodeBinary, 'path' | 'version'>> {
  const { cacheDirectory, opencodeNames } = installed;
  const name = `${opencode.version}-${opencode.variant}`;
  if (opencodeNames.includes(name)) {
    return { path: `${cacheDirectory}/${name}/opencode`, version: opencode.version };
  }
  try {
    const installedPath = await installProgram(host, {
      program: opencode,
      label: `opencode ${opencode.version} (${opencode.variant})`,
      directory: cacheDirectory,
      name,
      file: 'opencode',
      expectedVersion: opencode.version,
      onProgress: options.onProgress,
      onWarning: options.onWarning,
      abortSignal: options.abortSignal,
    });
    return { path: installedPath, version: opencode.version };
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    const variants = [opencode.variant, ...opencode.otherVariants];
    const other = chooseInstalled(opencodeNames, opencode.version, variants);
    if (other === undefined) throw error;
    options.onWarning?.({
      code: 'OTHER_VERSION_USED',
      message: `opencode ${other.version} is used, which is installed, instead of ${opencode.version}: ${error.message}`,
    });
    return { path: `${cacheDirectory}/${other.name}/opencode`, version: other.version };
  }
}

async function ensureRipgrep(
  host: Host,
  options: EnsureOpencodeOptions,
  ripgrep: DownloadableProgram,
  installed: InstalledPrograms,
): Promise<string | undefined> {
  const { cacheDirectory, hasRipgrep } = installed;
  const name = ripgrepName(ripgrep);
  if (hasRipgrep) return `${cacheDirectory}/${name}/rg`;
  try {
    return await installProgram(host, {
      program: ripgrep,
      label: `ripgrep ${ripgrep.version} (${ripgrep.variant})`,
      directory: cacheDirectory,
      name,
      file: 'rg',
      onProgress: options.onProgress,
      onWarning: options.onWarning,
      abortSignal: options.abortSignal,
    });
  } catch (error) {
    // opencode works without it, but for its search; a wrong digest is another matter.
    const isMissing = OpencodeInstallError.is(error) && error.code === 'VERSION_NOT_FOUND';
    if (!isMissing && !isUnreachable(error)) throw error;
    options.onWarning?.({
      code: 'RIPGREP_UNAVAILABLE',
      message: `${host.description} has no rg, so opencode cannot search files there: ${error.message}`,
    });
    return undefined;
  }
}

function ripgrepName(ripgrep: DownloadableProgram): string {
  return `ripgrep-${ripgrep.version}-${ripgrep.variant}`;
}

function isUnreachable(error: unknown): error is OpencodeInstallError {
  return OpencodeInstallError.is(error) && error.code === 'DOWNLOAD_FAILED';
}

function isAborted(error: unknown): boolean {
  return OpencodeInstallError.is(error) && error.code === 'ABORTED';
}

function aborted(host: Host, abortSignal: AbortSignal, error?: unknown): OpencodeInstallError {
  return new OpencodeInstallError('ABORTED', `The installation of opencode on ${host.description} was cancelled`, {
    cause: error ?? abortSignal.reason,
  });
}
