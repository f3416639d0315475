import type { InstalledProgram } from './installed.ts';

/** What has to stand in for a program that cannot be had. */
export interface ChooseInstalledRequest {
  /** The wanted version: only the same major version will do. @default any */
  readonly version?: string | undefined;
  /** Variants that run on the host; their order decides between equal versions. */
  readonly variants: readonly string[];
}

/** An opencode of the cache directory, and its version. */
export interface ChosenProgram {
  readonly name: string;
  readonly version: string;
}

/** Returns the newest installed opencode that may stand in for another. A pre-release does not where a version is wanted. */
export function chooseInstalled(
  programs: readonly InstalledProgram[],
  { variants, version }: ChooseInstalledRequest,
): ChosenProgram | undefined {
  const wantedMajor = version === undefined ? undefined : numbers(version)[0];
  const pattern = version === undefined ? /^\d+\.\d+\.\d+(?:-.+)?$/ : /^\d+\.\d+\.\d+$/;
  let best: ChosenProgram | undefined;
  for (const variant of variants) {
    for (const { file, name, version: recorded } of programs) {
      if (file !== 'opencode' || !name.endsWith(`-${variant}`)) continue;
      const found = recorded ?? name.slice(0, -variant.length - 1);
      if (!pattern.test(found) || (wantedMajor !== undefined && numbers(found)[0] !== wantedMajor)) continue;
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
