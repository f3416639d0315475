import { OpencodeInstallError } from './errors.ts';
import { loadNpmSettings } from './npm-config.ts';
import type { NpmOptions, NpmSettings } from './npm-config.ts';
import { findTarball, openTarball } from './npm-fetch.ts';
import type { NpmDownload, NpmRequest } from './npm-fetch.ts';
import type { PackageTarball } from './npm-package.ts';
import { OPENCODE_VERSION, pinnedIntegrity, RIPGREP_VERSION } from './pins.ts';
import { throttleBytes } from './progress.ts';
import type { DownloadableProgram, OpencodeSource, OpenDownloadOptions, OpenedProgram } from './source.ts';
import { unpackMember } from './unpack-member.ts';
import { opencodeVariants, ripgrepVariant } from './variants.ts';

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
 * opencode from its npm platform package, ripgrep from `@vscode/ripgrep-<platform>`. They are downloaded by this machine and
 * pushed to the host, so the host needs no way to the internet. Registry, scoped registries, credentials, proxy and CA are
 * what npm's own configuration says.
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

function program(
  file: PackageFile,
  variants: Pick<DownloadableProgram, 'otherVariants' | 'variant'>,
  loadSettings: () => Promise<NpmSettings>,
): DownloadableProgram {
  return {
    kind: 'download',
    version: file.version,
    ...variants,
    open: async (options) => openPackage(file, await loadSettings(), options),
  };
}

async function openPackage(
  { member, name, version }: PackageFile,
  settings: NpmSettings,
  { abortSignal, onBytes, onWarning }: OpenDownloadOptions,
): Promise<OpenedProgram> {
  const what = `${name}@${version}`;
  const request: NpmRequest = { name, version, settings, abortSignal };
  const pinned = pinnedIntegrity(name, version);
  let download: NpmDownload;
  let integrity: string;
  if (pinned === undefined) {
    const tarball: PackageTarball = await findTarball(request);
    onWarning?.({
      code: 'DIGEST_NOT_PINNED',
      message: `${what} is checked against the registry's own digest only: this release of optio-ts does not know it`,
    });
    integrity = tarball.integrity;
    download = await openTarball(request, tarball.url);
  } else {
    integrity = pinned;
    download = await openPinned(request);
  }
  const report = throttleBytes(download.totalBytes, onBytes);
  return unpackMember(counted(download.content, report), { what, member, integrity });
}

/** Most registries keep tarballs where convention says; those that do not are asked. Either way the digest is ours. */
async function openPinned(request: NpmRequest): Promise<NpmDownload> {
  try {
    return await openTarball(request);
  } catch (error) {
    if (!OpencodeInstallError.is(error) || error.code !== 'VERSION_NOT_FOUND') throw error;
    const { url } = await findTarball(request);
    return openTarball(request, url);
  }
}

async function* counted(content: NpmDownload['content'], report: (bytes: number) => void): NpmDownload['content'] {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.byteLength;
    report(bytes);
    yield chunk;
  }
}
