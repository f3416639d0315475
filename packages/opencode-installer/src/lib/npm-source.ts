import { OpencodeInstallError } from './errors.ts';
import { hostFetchSettings } from './host-fetch-settings.ts';
import { loadNpmSettings } from './npm-config.ts';
import type { NpmOptions, NpmSettings } from './npm-config.ts';
import { conventionalUrl, findTarball, openTarball } from './npm-fetch.ts';
import type { NpmRequest } from './npm-fetch.ts';
import { OPENCODE_VERSION, pinnedIntegrity, RIPGREP_VERSION } from './pins.ts';
import type { DownloadableProgram, HostFetch, OpencodeSource, OpenDownloadOptions, OpenedProgram } from './source.ts';
import { unpackDownload } from './unpack-download.ts';
import { opencodeVariants, ripgrepVariant } from './variants.ts';
import { refuseOffline } from './web-download.ts';
import type { WebDownload } from './web-download.ts';

/** Options of `npmSource`. */
export interface NpmSourceOptions {
  /**
   * Exact version, for instance `1.18.33`. Another one than the default is taken with the digest that the registry's metadata
   * gives, and a warning.
   *
   * @default OPENCODE_VERSION
   */
  readonly version?: string;
  /** Where npm's configuration is read. @default as npm reads it, without a project's `.npmrc` */
  readonly npm?: NpmOptions;
}

/**
 * opencode from its npm platform package, ripgrep from `@vscode/ripgrep-<platform>`. Registry, scoped registries, credentials,
 * proxy and CA are what npm's own configuration on this machine says.
 */
export function npmSource(options: NpmSourceOptions = {}): OpencodeSource {
  const { npm, version = OPENCODE_VERSION } = options;
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) {
    throw new TypeError(`version must be exact, like ${OPENCODE_VERSION}, not ${JSON.stringify(version)}`);
  }
  // Read for each download: what is installed needs none of it, and a corrected .npmrc counts at once.
  const loadSettings = async (): Promise<NpmSettings> => loadNpmSettings(npm);
  return {
    name: 'npm',
    resolve: async ({ probe }) => {
      const [variant, ...otherVariants] = opencodeVariants(probe);
      return program(
        { name: `opencode-${variant}`, version, member: 'package/bin/opencode' },
        { variant, otherVariants },
        loadSettings,
      );
    },
    resolveRipgrep: async ({ probe }) => {
      const own = probe.tools['rg'];
      if (own !== undefined) return { kind: 'present', path: own, version: 'unknown' };
      const variant = ripgrepVariant(probe);
      return program(
        { name: `@vscode/ripgrep-${variant}`, version: RIPGREP_VERSION, member: 'package/bin/rg' },
        { variant, otherVariants: [] },
        loadSettings,
      );
    },
  };
}

interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly member: string;
}

interface PackageFinder {
  readonly settings: NpmSettings;
  readonly find: typeof findPackage;
}

function program(
  file: PackageFile,
  variants: Pick<DownloadableProgram, 'otherVariants' | 'variant'>,
  loadSettings: () => Promise<NpmSettings>,
): DownloadableProgram {
  let found: ReturnType<typeof findPackage> | undefined;
  // Asked once, and so warned of once, when one way fails and the other is tried.
  const find: typeof findPackage = async (request, onWarning) => {
    found ??= findPackage(request, onWarning).catch((error: unknown) => {
      found = undefined;
      throw error;
    });
    return found;
  };
  return {
    kind: 'download',
    version: file.version,
    ...variants,
    open: async (options) => openPackage(file, { settings: await loadSettings(), find }, options),
    onHost: async (options) => describePackage(file, { settings: await loadSettings(), find }, options),
  };
}

/** Where a package is, as far as is known without asking for more than has to be, and what it must be. */
async function findPackage(
  request: NpmRequest,
  onWarning: OpenDownloadOptions['onWarning'],
): Promise<{ readonly url: string; readonly sha512: string; readonly isPinned: boolean }> {
  const { name, version } = request;
  const pinned = pinnedIntegrity(name, version);
  if (pinned !== undefined) return { url: conventionalUrl(request), sha512: digestOf(pinned), isPinned: true };
  const { integrity, url } = await findTarball(request);
  onWarning?.({
    code: 'DIGEST_NOT_PINNED',
    message: `${name}@${version} is checked against the registry's own digest only: this release of optio-ts does not know it`,
  });
  return { url, sha512: digestOf(integrity), isPinned: false };
}

async function openPackage(
  { member, name, version }: PackageFile,
  { find, settings }: PackageFinder,
  { abortSignal, onBytes, onWarning }: OpenDownloadOptions,
): Promise<OpenedProgram> {
  const request: NpmRequest = { name, version, settings, abortSignal };
  const { isPinned, sha512, url } = await find(request, onWarning);
  const download = await (isPinned ? openPinned(request) : openTarball(request, url));
  const what = `${name}@${version}`;
  return unpackDownload(download, { what, format: 'tar.gz', members: [member], digests: { sha512 }, onBytes });
}

async function describePackage(
  { member, name, version }: PackageFile,
  { find, settings }: PackageFinder,
  { abortSignal, onWarning }: Omit<OpenDownloadOptions, 'onBytes'>,
): Promise<HostFetch> {
  const request: NpmRequest = { name, version, settings, abortSignal };
  refuseOffline({ what: `${name}@${version}`, settings });
  const { isPinned, sha512, url } = await find(request, onWarning);
  return {
    url,
    sha512,
    format: 'tar.gz',
    members: [member],
    ...hostFetchSettings(url, settings, name),
    ...(isPinned && { elsewhere: async () => (await findTarball(request)).url }),
  };
}

/** Most registries keep tarballs where convention says; those that do not are asked. Either way the digest is ours. */
async function openPinned(request: NpmRequest): Promise<WebDownload> {
  try {
    return await openTarball(request);
  } catch (error) {
    if (!OpencodeInstallError.is(error) || error.code !== 'VERSION_NOT_FOUND') throw error;
    const { url } = await findTarball(request);
    return openTarball(request, url);
  }
}

function digestOf(integrity: string): string {
  return integrity.replace(/^sha512-/, '');
}
