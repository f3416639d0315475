import { posix } from 'node:path';

import { probeHost } from '@optio-ts/host-core';
import type { Host, HostProbe } from '@optio-ts/host-core';

import type { EvictionPolicy } from './choose-evicted.ts';
import { chooseInstalled } from './choose-installed.ts';
import type { ChooseInstalledRequest } from './choose-installed.ts';
import type { FetchMode } from './choose-ways.ts';
import { ensureProgram, programName } from './ensure-program.ts';
import type { EnsuredProgram, Installation } from './ensure-program.ts';
import { isUnreachable, OpencodeInstallError } from './errors.ts';
import { evictPrograms } from './evict.ts';
import { findInstalled } from './installed.ts';
import type { InstalledPrograms } from './installed.ts';
import { npmSource } from './npm-source.ts';
import type { DownloadableProgram, InstallProgress, InstallWarning, OpencodeSource, SourceContext } from './source.ts';
import { isThisMachine } from './this-machine.ts';
import { opencodeVariants } from './variants.ts';

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
  /**
   * Who fetches what is missing. `host`: the host, by curl or wget. `here`: this machine, which pushes the bytes over the host's
   * connection. `auto`: the host if it is another machine that has the tools, and the source needs no credentials, proxy or
   * certificates of this machine; pushed otherwise, and with a warning when the host has tried and failed.
   *
   * @default 'auto'
   */
  readonly fetch?: FetchMode;
  /** Whether a host that fetches may be told credentials, from npm's configuration for instance. @default false */
  readonly sendCredentials?: boolean;
  /** Whether to install what is missing; otherwise that is `NOT_INSTALLED`. @default true */
  readonly installIfMissing?: boolean;
  /**
   * What may stay in the cache directory after something was installed; what was used last is kept first. `false` removes
   * nothing. @default { keep: 3 }
   */
  readonly evict?: EvictionPolicy | false;
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
  /** Name of the source it came from: `npm`, `smart-install`, `url`, `binary`. */
  readonly source: string;
  /** Absolute path of a ripgrep on the host; `undefined`, with a warning, when there is none and none could be had. */
  readonly ripgrepPath: string | undefined;
}

/**
 * Makes sure that an opencode is on the host, and says where. With a probe given and everything installed that is one trip to
 * the host and no network beyond it.
 *
 * What is missing is fetched by the host or by this machine, verified, run once and only then published. Throws
 * `OpencodeInstallError`s; trouble with the host itself stays a `HostError`.
 */
export async function ensureOpencode(host: Host, options: EnsureOpencodeOptions = {}): Promise<OpencodeBinary> {
  const { abortSignal, source = npmSource() } = options;
  checkOptions(options);
  try {
    if (abortSignal?.aborted === true) throw aborted(host, abortSignal);
    options.onProgress?.({ step: 'check', message: `Looking for opencode on ${host.description}` });
    const signal = abortSignal === undefined ? {} : { abortSignal };
    const probe = options.probe ?? (await probeHost(host, signal));
    const { path, ripgrepPath, version } = await ensureBoth(host, options, { probe, source });
    options.onProgress?.({ step: 'ready', message: `opencode ${version} is ready` });
    return { path, version, source: source.name, ripgrepPath };
  } catch (error) {
    // Whatever a cancelled step throws, the caller sees one error for it.
    if (abortSignal?.aborted === true && !isAborted(error)) throw aborted(host, abortSignal, error);
    throw error;
  }
}

async function ensureBoth(
  host: Host,
  options: EnsureOpencodeOptions,
  { probe, source }: { readonly probe: HostProbe; readonly source: OpencodeSource },
): Promise<EnsuredProgram & { readonly ripgrepPath: string | undefined }> {
  const { abortSignal, cacheDirectory, evict = { keep: 3 }, onWarning } = options;
  const { fetch = 'auto', installIfMissing = true, sendCredentials = false } = options;
  let found: Promise<InstalledPrograms> | undefined;
  // One look for everything, and none when nothing of the cache is needed.
  const lookUp = async (...wanted: readonly string[]): Promise<InstalledPrograms> => {
    found ??= findInstalled(host, { cacheDirectory, cacheHome: probe.cacheHome, wanted, abortSignal });
    return found;
  };
  const context: SourceContext = {
    host,
    probe,
    fetch,
    sendCredentials,
    installed: lookUp,
    onWarning,
    abortSignal,
  };
  const [opencode, ripgrep] = await Promise.all([
    source.resolve(context).catch((error: unknown) => {
      // A source that asks somebody each time. What is installed may do.
      if (isUnreachable(error)) return error;
      throw error;
    }),
    source.resolveRipgrep(context),
  ]);
  const wanted = [opencode, ripgrep].flatMap((program, index) =>
    'kind' in program && program.kind === 'download' ? [programName(program, index === 0 ? '' : 'ripgrep-')] : [],
  );
  const installation = async (): Promise<Installation> => {
    const installed = await lookUp(...wanted);
    const isSameMachine = await isThisMachine(installed.bootId);
    return { host, options, probe, installed, isSameMachine, fetch, installIfMissing, sendCredentials };
  };
  let binary: EnsuredProgram;
  if (OpencodeInstallError.is(opencode)) {
    binary = await useInstead(await installation(), opencode, { variants: opencodeVariants(probe) });
  } else if (opencode.kind === 'present') binary = opencode;
  else {
    try {
      binary = await ensureProgram(await installation(), opencode, { file: 'opencode', prefix: '' });
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      const { otherVariants, variant, version } = opencode;
      binary = await useInstead(await installation(), error, { version, variants: [variant, ...otherVariants] });
    }
  }
  const ripgrepPath = ripgrep.kind === 'present' ? ripgrep.path : await ensureRipgrep(await installation(), ripgrep);
  if (binary.wasInstalled === true && evict !== false) await evictOld(host, options, binary.path, evict);
  return { ...binary, ripgrepPath };
}

/** Uses another installed version where the wanted one cannot be had, or throws why it cannot. */
async function useInstead(
  { host, installed, options, probe }: Installation,
  error: OpencodeInstallError,
  request: ChooseInstalledRequest,
): Promise<EnsuredProgram> {
  const { abortSignal, onWarning } = options;
  const { cacheDirectory } = installed;
  const other = chooseInstalled(installed.programs, request);
  if (other === undefined) throw error;
  // Looked at once more, so that it does not count as old.
  const { programs } = await findInstalled(host, {
    cacheDirectory,
    cacheHome: probe.cacheHome,
    wanted: [other.name],
    abortSignal,
  });
  if (!programs.some(({ name }) => name === other.name)) throw error;
  const instead = request.version === undefined ? '' : `, instead of ${request.version}`;
  onWarning?.({
    code: 'OTHER_VERSION_USED',
    message: `opencode ${other.version} is used, which is installed${instead}: ${error.message}`,
  });
  return { path: `${cacheDirectory}/${other.name}/opencode`, version: other.version };
}

async function ensureRipgrep(installation: Installation, ripgrep: DownloadableProgram): Promise<string | undefined> {
  const { host, options } = installation;
  try {
    return (await ensureProgram(installation, ripgrep, { file: 'rg', prefix: 'ripgrep-' })).path;
  } catch (error) {
    // opencode works without it, but for its search; a wrong digest is another matter.
    const isMissing =
      OpencodeInstallError.is(error) && (error.code === 'VERSION_NOT_FOUND' || error.code === 'NOT_INSTALLED');
    if (!isMissing && !isUnreachable(error)) throw error;
    options.onWarning?.({
      code: 'RIPGREP_UNAVAILABLE',
      message: `${host.description} has no rg, so opencode cannot search files there: ${error.message}`,
    });
    return undefined;
  }
}

/** What is installed works, whatever becomes of the old ones. */
async function evictOld(
  host: Host,
  { abortSignal, onProgress, onWarning }: EnsureOpencodeOptions,
  path: string,
  policy: EvictionPolicy,
): Promise<void> {
  const place = posix.dirname(path);
  try {
    const removed = await evictPrograms(host, {
      directory: posix.dirname(place),
      wanted: posix.basename(place),
      policy,
      abortSignal,
    });
    if (removed.length > 0) onProgress?.({ step: 'evict', message: `Removed ${removed.join(', ')}` });
  } catch (error) {
    if (abortSignal?.aborted === true) throw error;
    onWarning?.({
      code: 'EVICTION_FAILED',
      message: `Old versions of opencode stay on ${host.description}: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

function checkOptions({ cacheDirectory, evict, fetch }: EnsureOpencodeOptions): void {
  if (cacheDirectory !== undefined && !posix.isAbsolute(cacheDirectory)) {
    throw new TypeError(`cacheDirectory must be absolute, not ${JSON.stringify(cacheDirectory)}`);
  }
  if (fetch !== undefined && !['auto', 'here', 'host'].includes(fetch)) {
    throw new TypeError(`fetch must be 'auto', 'here' or 'host', not ${JSON.stringify(fetch)}`);
  }
  const { keep = 1, maxBytes = 0 } = evict === undefined || evict === false ? {} : evict;
  if (!(keep >= 1)) throw new TypeError('evict.keep must be at least 1: the version in use stays');
  if (!(maxBytes >= 0)) throw new TypeError('evict.maxBytes must be a number of bytes');
}

function isAborted(error: unknown): boolean {
  return OpencodeInstallError.is(error) && error.code === 'ABORTED';
}

function aborted(host: Host, abortSignal: AbortSignal, error?: unknown): OpencodeInstallError {
  return new OpencodeInstallError('ABORTED', `The installation of opencode on ${host.description} was cancelled`, {
    cause: error ?? abortSignal.reason,
  });
}
