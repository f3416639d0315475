import { runChecked, shellScript } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

import { OpencodeInstallError } from './errors.ts';
import { readVersion } from './judge-version.ts';

/** What to look for in the cache directory. */
export interface FindInstalledRequest {
  /** Explicit cache directory. @default by the rule */
  readonly cacheDirectory?: string | undefined;
  /** `$XDG_CACHE_HOME` of the host, or its default: as probed. */
  readonly cacheHome: string;
  /** Names of directories that are about to be used: they are marked, so that nobody takes them for old ones. */
  readonly wanted?: readonly string[];
  readonly abortSignal?: AbortSignal | undefined;
}

/** A program in the cache directory. */
export interface InstalledProgram {
  /** Of its directory, for instance `1.18.33-linux-x64`. */
  readonly name: string;
  /** Of its file: `opencode` or `rg`. */
  readonly file: string;
  /** What it printed when it was installed, where its directory's name does not say it. */
  readonly version: string | undefined;
}

/** What the cache directory holds. */
export interface InstalledPrograms {
  /** Absolute, on the host. */
  readonly cacheDirectory: string;
  /** Of the host's running system; absent where it does not tell. */
  readonly bootId: string | undefined;
  readonly programs: readonly InstalledProgram[];
}

/**
 * The rule for the cache directory, and a look at what is in it, in one trip and in the host's real environment: a session's
 * isolated one would give every session a binary of its own. Answers with fields that end in NUL, since a path may hold
 * anything else. A directory's time is when its program was last asked for.
 */
const script = `
directory=$1
[ -n "$directory" ] || directory=\${OPENCODE_CACHE_DIR:-$2}
shift 2
boot=
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
printf '%s\\0%s\\0' "$directory" "$boot"
for name do touch -c "$directory/$name" 2>/dev/null; done
for file in "$directory"/*/opencode "$directory"/*/rg; do
  if [ -f "$file" ] && [ -x "$file" ]; then
    place=\${file%/*} version=
    if [ -f "$place/version" ]; then { read -r version <"$place/version"; } 2>/dev/null; fi
    printf '%s\\0%s\\0%s\\0' "\${place##*/}" "\${file##*/}" "$version"
  fi
done
`;

/** Looks into the cache directory. Throws `CACHE_DIRECTORY_INVALID`. */
export async function findInstalled(host: Host, request: FindInstalledRequest): Promise<InstalledPrograms> {
  const { abortSignal, cacheDirectory, cacheHome, wanted = [] } = request;
  const rule = `${withoutSlash(cacheHome)}/optio-opencode/bin`;
  const { stdout } = await runChecked(host, shellScript(script, cacheDirectory ?? '', rule, ...wanted), {
    what: 'Look for opencode',
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  return parseInstalled(stdout.toString('utf8'), host.description);
}

/** Reads what the script printed. */
export function parseInstalled(output: string, description: string): InstalledPrograms {
  const [directory = '', bootId = '', ...rest] = output.split('\0');
  if (!directory.startsWith('/')) {
    throw new OpencodeInstallError(
      'CACHE_DIRECTORY_INVALID',
      `The cache directory on ${description} must be absolute, not ${JSON.stringify(directory)}; check OPENCODE_CACHE_DIR there`,
    );
  }
  const programs: InstalledProgram[] = [];
  for (let index = 0; index + 2 < rest.length; index += 3) {
    const [name = '', file = '', printed = ''] = rest.slice(index, index + 3);
    programs.push({ name, file, version: readVersion(printed) });
  }
  return {
    cacheDirectory: withoutSlash(directory),
    bootId: bootId === '' ? undefined : bootId,
    programs,
  };
}

function withoutSlash(directory: string): string {
  return directory.length > 1 ? directory.replace(/\/+$/, '') : directory;
}
