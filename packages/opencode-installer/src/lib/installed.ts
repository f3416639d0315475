import { runChecked, shellScript } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

import { OpencodeInstallError } from './errors.ts';

/** What to look for in the cache directory. */
export interface FindInstalledRequest {
  /** Explicit cache directory. @default by the rule */
  readonly cacheDirectory?: string | undefined;
  /** `$XDG_CACHE_HOME` of the host, or its default: as probed. */
  readonly cacheHome: string;
  /** Variants whose versions are listed. Names without a slash. */
  readonly variants: readonly string[];
  /** Name of the ripgrep directory, or nothing when it is not looked for. */
  readonly ripgrepName?: string | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** What the cache directory holds. */
export interface InstalledPrograms {
  /** Absolute, on the host. */
  readonly cacheDirectory: string;
  /** Names of the directories that hold an opencode, for instance `1.18.33-linux-x64`. */
  readonly opencodeNames: readonly string[];
  /** Whether the ripgrep that was asked for is there. */
  readonly hasRipgrep: boolean;
}

/**
 * The rule for the cache directory, and a look at what is in it, in one trip and in the host's real environment: a session's
 * isolated one would give every session a binary of its own. Answers with fields that end in NUL, since a path may hold
 * anything else.
 */
const script = `
directory=$1
[ -n "$directory" ] || directory=\${OPENCODE_CACHE_DIR:-$2}
ripgrep=$3
shift 3
printf '%s\\0' "$directory"
if [ -n "$ripgrep" ] && [ -f "$directory/$ripgrep/rg" ] && [ -x "$directory/$ripgrep/rg" ]; then
  printf 'yes\\0'
else
  printf 'no\\0'
fi
for variant do
  for file in "$directory"/*-"$variant"/opencode; do
    if [ -f "$file" ] && [ -x "$file" ]; then
      file=\${file%/opencode}
      printf '%s\\0' "\${file##*/}"
    fi
  done
done
`;

/** Looks into the cache directory. Throws `CACHE_DIRECTORY_INVALID`. */
export async function findInstalled(host: Host, request: FindInstalledRequest): Promise<InstalledPrograms> {
  const { abortSignal, cacheDirectory, cacheHome, ripgrepName, variants } = request;
  const rule = `${withoutSlash(cacheHome)}/optio-opencode/bin`;
  const { stdout } = await runChecked(
    host,
    shellScript(script, cacheDirectory ?? '', rule, ripgrepName ?? '', ...variants),
    { what: 'Look for opencode', ...(abortSignal === undefined ? {} : { abortSignal }) },
  );
  return parseInstalled(stdout.toString('utf8'), host.description);
}

/** Reads what the script printed. */
export function parseInstalled(output: string, description: string): InstalledPrograms {
  const [directory = '', ripgrep, ...rest] = output.split('\0');
  if (!directory.startsWith('/')) {
    throw new OpencodeInstallError(
      'CACHE_DIRECTORY_INVALID',
      `The cache directory on ${description} must be absolute, not ${JSON.stringify(directory)}; check OPENCODE_CACHE_DIR there`,
    );
  }
  return {
    cacheDirectory: withoutSlash(directory),
    hasRipgrep: ripgrep === 'yes',
    opencodeNames: rest.filter((name) => name !== ''),
  };
}

/**
 * Returns the newest installed version that may stand in for `version`: of the same major version, one of `variants`, no
 * pre-release. The variants' order decides between equal versions.
 */
export function chooseInstalled(
  names: readonly string[],
  version: string,
  variants: readonly string[],
): { readonly name: string; readonly version: string } | undefined {
  const [wantedMajor] = numbers(version);
  let best: { readonly name: string; readonly version: string } | undefined;
  for (const variant of variants) {
    for (const name of names) {
      const found = name.endsWith(`-${variant}`) ? name.slice(0, -variant.length - 1) : '';
      if (!/^\d+\.\d+\.\d+$/.test(found) || numbers(found)[0] !== wantedMajor) continue;
      if (best === undefined || isNewer(found, best.version)) best = { name, version: found };
    }
  }
  return best;
}

function isNewer(version: string, than: string): boolean {
  const others = numbers(than);
  for (const [index, number] of numbers(version).entries()) {
    const other = others[index] ?? 0;
    if (number !== other) return number > other;
  }
  return false;
}

function numbers(version: string): readonly number[] {
  return version.split('-', 1)[0]?.split('.').map(Number) ?? [];
}

function withoutSlash(directory: string): string {
  return directory.length > 1 ? directory.replace(/\/+$/, '') : directory;
}
