import { posix } from 'node:path';

import { runChecked, shellScript } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

import { checkVersion } from './check-version.ts';
import { OpencodeInstallError } from './errors.ts';
import { npmSource } from './npm-source.ts';
import type { NpmSourceOptions } from './npm-source.ts';
import type { OpencodeSource, PresentProgram, SourceContext } from './source.ts';

/** Options of `binarySource`. */
export interface BinarySourceOptions {
  /**
   * The binary's version, where it is known: then it is not run to find out.
   *
   * @default what `--version` prints, asked at every start
   */
  readonly version?: string;
  /** Absolute path of a ripgrep on the host. @default the host's own, or npm's */
  readonly ripgrepPath?: string;
  /** Where npm's configuration is read for the ripgrep. */
  readonly npm?: NpmSourceOptions['npm'];
}

/** An opencode that is already on the host, at an absolute path. Nothing is downloaded, but for a ripgrep the host lacks. */
export function binarySource(path: string, options: BinarySourceOptions = {}): OpencodeSource {
  const { npm, ripgrepPath, version } = options;
  for (const given of [path, ripgrepPath]) {
    if (given !== undefined && !posix.isAbsolute(given)) {
      throw new TypeError(`The path of a binary must be absolute, not ${JSON.stringify(given)}`);
    }
  }
  return {
    name: 'binary',
    resolve: async (context) => inspect(context, path, 'opencode', version),
    resolveRipgrep: async (context) =>
      ripgrepPath === undefined
        ? npmSource(npm === undefined ? {} : { npm }).resolveRipgrep(context)
        : inspect(context, ripgrepPath, 'ripgrep', 'unknown'),
  };
}

async function inspect(
  { abortSignal, host }: SourceContext,
  path: string,
  what: string,
  version: string | undefined,
): Promise<PresentProgram> {
  if (!(await isExecutable(host, path, abortSignal))) {
    throw new OpencodeInstallError(
      'BINARY_NOT_FOUND',
      `${path} on ${host.description} is no executable file; point to the ${what} binary itself`,
    );
  }
  return {
    kind: 'present',
    path,
    version: version ?? (await checkVersion(host, { path, abortSignal })),
  };
}

async function isExecutable(host: Host, path: string, abortSignal: AbortSignal | undefined): Promise<boolean> {
  const { stdout } = await runChecked(host, shellScript('if [ -f "$1" ] && [ -x "$1" ]; then echo yes; fi', path), {
    what: `Look for ${path}`,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  return stdout.toString('utf8').trim() === 'yes';
}
