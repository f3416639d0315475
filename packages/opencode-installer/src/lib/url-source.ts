import { checkDigests, digestName } from './digests.ts';
import { loadNpmSettings } from './npm-config.ts';
import type { NpmOptions } from './npm-config.ts';
import { npmSource } from './npm-source.ts';
import type { ArchiveFormat, OpencodeSource } from './source.ts';
import { opencodeVariants } from './variants.ts';
import { checkMember, checkWebUrl, webProgram } from './web-file.ts';

/** Options of `urlSource`. A digest is required: `sha256` or `sha512`. */
export interface UrlSourceOptions {
  /** http or https, of a build for the host. Credentials come from npm's configuration for its address. */
  readonly url: string;
  /** Hex digest of the file at `url`, archive or not. */
  readonly sha256?: string;
  /** Digest of the file at `url`, in hex or base64. */
  readonly sha512?: string;
  /** How the program is packed. @default by the end of the address: `.tar.gz` or `.tgz`, `.zip`, otherwise not at all */
  readonly format?: ArchiveFormat;
  /** Path of the program in the archive. @default the first of `opencode`, `bin/opencode` and `package/bin/opencode` */
  readonly member?: string;
  /** What its `--version` has to print. @default any version */
  readonly version?: string;
  /** Where npm's configuration is read: proxy, certificates, credentials; and for a ripgrep that the host lacks. */
  readonly npm?: NpmOptions;
}

/**
 * An opencode at an address, with a digest: a mirror's, a build of one's own. It is installed under its digest, so another digest
 * is another program. Throws a `TypeError` without a digest.
 */
export function urlSource(options: UrlSourceOptions): OpencodeSource {
  const { format, member, npm, sha256, sha512, url, version } = options;
  const { pathname } = checkWebUrl(url, 'url');
  const digests = { ...(sha256 !== undefined && { sha256 }), ...(sha512 !== undefined && { sha512 }) };
  if (!checkDigests(digests)) throw new TypeError('urlSource needs sha256 or sha512');
  if (member !== undefined) checkMember(member);
  const program = webProgram(
    {
      what: version === undefined ? 'opencode' : `opencode ${version}`,
      url,
      ...digests,
      format: format ?? formatOf(pathname),
      members: member === undefined ? ['opencode', 'bin/opencode', 'package/bin/opencode'] : [member],
    },
    async () => loadNpmSettings(npm),
  );
  return {
    name: 'url',
    resolve: async ({ probe }) => {
      const [variant, ...otherVariants] = opencodeVariants(probe);
      return { kind: 'download', identity: digestName(digests), version, variant, otherVariants, ...program };
    },
    resolveRipgrep: async (context) => npmSource(npm === undefined ? {} : { npm }).resolveRipgrep(context),
  };
}

function formatOf(pathname: string): ArchiveFormat {
  if (/\.(?:tar\.gz|tgz)$/i.test(pathname)) return 'tar.gz';
  return /\.zip$/i.test(pathname) ? 'zip' : 'binary';
}
