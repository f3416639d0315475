import type { Host, HostProbe } from '@optio-ts/host-core';

import { checkVersion } from './check-version.ts';
import type { FetchMode } from './choose-ways.ts';
import type { EnsureOpencodeOptions } from './ensure-opencode.ts';
import { OpencodeInstallError } from './errors.ts';
import { installProgram } from './install-program.ts';
import { findInstalled } from './installed.ts';
import type { InstalledPrograms } from './installed.ts';
import type { DownloadableProgram } from './source.ts';

/** What the programs of one call have in common. */
export interface Installation {
  readonly host: Host;
  readonly options: EnsureOpencodeOptions;
  readonly probe: HostProbe;
  readonly installed: InstalledPrograms;
  readonly isSameMachine: boolean;
  readonly fetch: FetchMode;
  readonly installIfMissing: boolean;
  readonly sendCredentials: boolean;
}

/** Which program it is. */
export interface ProgramKind {
  readonly file: 'opencode' | 'rg';
  /** What its directory's name begins with. */
  readonly prefix: '' | 'ripgrep-';
}

/** A program that is there. */
export interface EnsuredProgram {
  /** Absolute, on the host. */
  readonly path: string;
  readonly version: string;
  readonly wasInstalled?: boolean;
}

/** The name of a program's directory. */
export function programName({ identity, variant, version }: DownloadableProgram, prefix: string): string {
  const name = identity ?? version;
  if (name === undefined) throw new TypeError('A source must give its program a version or an identity');
  return `${prefix}${name}-${variant}`;
}

/** Uses a program that is installed, or installs it. */
export async function ensureProgram(
  installation: Installation,
  program: DownloadableProgram,
  { file, prefix }: ProgramKind,
): Promise<EnsuredProgram> {
  const { host, installIfMissing, installed, options, probe } = installation;
  const { abortSignal, onProgress, onWarning } = options;
  const name = programName(program, prefix);
  const path = `${installed.cacheDirectory}/${name}/${file}`;
  const present = findProgram(installed, name, file);
  if (present !== undefined) {
    return { path, version: program.version ?? present.version ?? (await checkVersion(host, { path, abortSignal })) };
  }
  const label = labelOf(program, file);
  if (!installIfMissing) {
    throw new OpencodeInstallError(
      'NOT_INSTALLED',
      `${label} is not installed on ${host.description}, and installIfMissing is false`,
    );
  }
  const { version, wasInstalled } = await installProgram(host, {
    ...installation,
    program,
    label,
    directory: installed.cacheDirectory,
    name,
    file,
    // Ripgrep's package and its program count their versions in different ways.
    expectedVersion: file === 'opencode' ? program.version : undefined,
    recordsVersion: program.identity !== undefined,
    tools: probe.tools,
    onProgress,
    onWarning,
    abortSignal,
  });
  if (version !== undefined) return { path, version, wasInstalled };
  // Somebody else's: perhaps of this moment, perhaps of a directory whose file was deleted.
  const now = await findInstalled(host, {
    cacheDirectory: installed.cacheDirectory,
    cacheHome: probe.cacheHome,
    wanted: [name],
    abortSignal,
  });
  const other = findProgram(now, name, file);
  if (other === undefined) {
    throw new OpencodeInstallError(
      'BINARY_BROKEN',
      `${path} on ${host.description} is no executable file, though its directory is there; remove that directory`,
    );
  }
  return { path, version: program.version ?? other.version ?? (await checkVersion(host, { path, abortSignal })) };
}

function findProgram({ programs }: InstalledPrograms, name: string, file: string) {
  return programs.find((program) => program.name === name && program.file === file);
}

function labelOf({ variant, version }: DownloadableProgram, file: string): string {
  return `${file === 'rg' ? 'ripgrep' : 'opencode'}${version === undefined ? '' : ` ${version}`} (${variant})`;
}
