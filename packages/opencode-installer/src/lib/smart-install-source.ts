import { checkVersion } from './check-version.ts';
import { checkDigests, digestName } from './digests.ts';
import { fetchScript } from './fetch-script.ts';
import { loadNpmSettings } from './npm-config.ts';
import type { NpmOptions } from './npm-config.ts';
import { npmSource } from './npm-source.ts';
import { latestGeneration, runCheck, smartName } from './smart-install-check.ts';
import type { DownloadableProgram, OpencodeSource, PresentProgram, SourceContext } from './source.ts';
import { isThisMachine } from './this-machine.ts';
import { opencodeVariants } from './variants.ts';
import { checkWebUrl, webProgram } from './web-file.ts';

/** The script of the Python package optio-opencode: the tip of a branch, so nobody can know its digest in advance. */
export const SMART_INSTALL_URL = 'https://raw.githubusercontent.com/csillag/opencode/main/smart-install.sh';

/** Options of `smartInstallSource`. Both digests are required, or `allowUnverified`. */
export interface SmartInstallSourceOptions {
  /** http or https address of the script. @default SMART_INSTALL_URL */
  readonly scriptUrl?: string;
  /** Hex digest of the script. */
  readonly scriptSha256?: string;
  /** Hex digest of the release archive that it names. With it, an installed one is used without asking the script. */
  readonly archiveSha256?: string;
  /**
   * Runs the script, and what it names, on the word of its server where a digest is missing, and says so in a warning.
   *
   * @default false
   */
  readonly allowUnverified?: boolean;
  /** Where npm's configuration is read: proxy, certificates; and for a ripgrep that the host lacks. */
  readonly npm?: NpmOptions;
}

/**
 * The contract of optio-opencode: a script, run by the host's bash as `--check`, prints `opencode ok` when the newest opencode it
 * finds in `PATH` will do, or `download <url>` with a release zip that holds `bin/opencode`. Throws a `TypeError` unless both
 * digests or `allowUnverified` are given.
 */
export function smartInstallSource(options: SmartInstallSourceOptions = {}): OpencodeSource {
  const { allowUnverified = false, archiveSha256, npm, scriptSha256, scriptUrl = SMART_INSTALL_URL } = options;
  checkWebUrl(scriptUrl, 'scriptUrl');
  for (const sha256 of [scriptSha256, archiveSha256]) {
    const isGiven = sha256 !== undefined && checkDigests({ sha256 });
    if (!isGiven && !allowUnverified) {
      throw new TypeError('smartInstallSource needs scriptSha256 and archiveSha256, or allowUnverified: true');
    }
  }
  const loadSettings = async () => loadNpmSettings(npm);
  const pinned = archiveSha256 === undefined ? undefined : digestName({ sha256: archiveSha256 });

  const resolve = async (context: SourceContext): Promise<DownloadableProgram | PresentProgram> => {
    const { abortSignal, host, onWarning, probe } = context;
    const [variant, ...otherVariants] = opencodeVariants(probe);
    const { bootId, cacheDirectory, programs } = await context.installed(
      ...(pinned === undefined ? [] : [`${pinned}-${variant}`]),
    );
    const present = async (path: string): Promise<PresentProgram> => {
      const own = programs.find(({ name }) => path === `${cacheDirectory}/${name}/opencode`);
      return { kind: 'present', path, version: own?.version ?? (await checkVersion(host, { path, abortSignal })) };
    };
    if (pinned !== undefined && programs.some(({ name }) => name === `${pinned}-${variant}`)) {
      return present(`${cacheDirectory}/${pinned}-${variant}/opencode`);
    }
    const unverified = [
      ...(scriptSha256 === undefined ? [scriptUrl] : []),
      ...(archiveSha256 === undefined ? ['the archive that it names'] : []),
    ];
    if (unverified.length > 0) {
      onWarning?.({ code: 'NOT_VERIFIED', message: `Nothing vouches for ${unverified.join(' and ')}, as was allowed` });
    }
    const script = await fetchScript(context, {
      url: scriptUrl,
      sha256: scriptSha256,
      loadSettings,
      isSameMachine: await isThisMachine(bootId),
    });
    const latest = latestGeneration(programs, scriptUrl, variant);
    const current = pinned === undefined ? smartName(scriptUrl, latest, variant) : `${pinned}-${variant}`;
    const answer = await runCheck(context, { script, directory: `${cacheDirectory}/${current}` });
    if ('path' in answer) return present(answer.path);
    return {
      kind: 'download',
      // Without a digest nothing tells one release from the next but that the script wants another: a number more.
      identity: pinned ?? smartName(scriptUrl, latest + 1),
      variant,
      otherVariants,
      ...webProgram(
        {
          what: 'opencode',
          url: answer.url,
          format: 'zip',
          members: ['bin/opencode'],
          ...(archiveSha256 === undefined ? { allowUnverified } : { sha256: archiveSha256 }),
        },
        loadSettings,
      ),
    };
  };
  return {
    name: 'smart-install',
    resolve,
    resolveRipgrep: async (context) => npmSource(npm === undefined ? {} : { npm }).resolveRipgrep(context),
  };
}
