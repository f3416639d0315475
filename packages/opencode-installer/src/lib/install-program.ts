import { ensureArtifact, stageFile } from '@optio-ts/host-core';
import type { ArtifactStage, Host, HostProbe } from '@optio-ts/host-core';

import { checkVersion } from './check-version.ts';
import { chooseWays } from './choose-ways.ts';
import type { FetchMode } from './choose-ways.ts';
import { OpencodeInstallError } from './errors.ts';
import { fetchOnHost } from './fetch-on-host.ts';
import type { DownloadableProgram, InstallProgress, InstallWarning } from './source.ts';

/** Options of `installProgram`. */
export interface InstallProgramOptions {
  readonly program: DownloadableProgram;
  /** For people: `opencode 1.18.33 (linux-x64)`. */
  readonly label: string;
  /** Absolute cache directory on the host. */
  readonly directory: string;
  /** Name of the program's own directory in it. */
  readonly name: string;
  /** Name of the program's file. */
  readonly file: string;
  /** What `--version` has to print. @default any version */
  readonly expectedVersion?: string | undefined;
  /** Whether to keep what it prints in a file beside it, since its directory's name does not say it. */
  readonly recordsVersion: boolean;
  readonly fetch: FetchMode;
  readonly isSameMachine: boolean;
  readonly sendCredentials: boolean;
  readonly tools: HostProbe['tools'];
  readonly onProgress?: ((progress: InstallProgress) => void) | undefined;
  readonly onWarning?: ((warning: InstallWarning) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** A program that was installed. */
export interface InstalledResult {
  /** Whether this call has installed it: another one may have done so meanwhile, or long ago. */
  readonly wasInstalled: boolean;
  /** What it printed; `undefined` when this call has not tried it. */
  readonly version: string | undefined;
}

// A host that reaches nothing should not keep anybody waiting when there is another way.
const stallMs = { withOther: 15_000, alone: 60_000 };

/**
 * Brings a program into a staging directory on the host, runs it once, and publishes it under its name. Until then nothing is
 * visible, and whatever goes wrong takes the staging directory with it.
 */
export async function installProgram(host: Host, options: InstallProgramOptions): Promise<InstalledResult> {
  const { abortSignal, directory, expectedVersion, file, label, name, onProgress } = options;
  let version: string | undefined;
  const { wasInstalled } = await ensureArtifact(host, {
    directory,
    name,
    ...(abortSignal === undefined ? {} : { abortSignal }),
    install: async (stage) => bring(stage, options),
    verify: async (path) => {
      onProgress?.({ step: 'verify', message: `Trying ${label}` });
      version = await checkVersion(host, {
        path: `${path}/${file}`,
        home: `${path}/.home`,
        expected: expectedVersion,
        record: options.recordsVersion ? `${path}/version` : undefined,
        abortSignal,
      });
    },
    onWait: () => {
      onProgress?.({ step: 'wait', message: `Waiting for another installer of ${label}` });
    },
  });
  return { wasInstalled, version };
}

async function bring(stage: ArtifactStage, options: InstallProgramOptions): Promise<void> {
  const { abortSignal, fetch, file, isSameMachine, label, onProgress, onWarning, program } = options;
  const message = `Downloading ${label}`;
  onProgress?.({ step: 'download', message });
  const onBytes = (bytes: number, totalBytes: number | undefined): void => {
    onProgress?.({ step: 'download', message, bytes, ...(totalBytes === undefined ? {} : { totalBytes }) });
  };
  const mayBeHost = fetch === 'host' || (fetch === 'auto' && !isSameMachine);
  const hostFetch = mayBeHost ? await program.onHost?.({ abortSignal, onWarning }) : undefined;
  const chosen = chooseWays({ ...options, hostFetch });
  if ('refused' in chosen) {
    throw new OpencodeInstallError(
      'FETCH_REFUSED',
      `${stage.host.description} cannot fetch ${label} by itself: ${chosen.refused}; use fetch 'auto' or 'here'`,
    );
  }
  const { ways } = chosen;
  if (ways[0] === 'host' && hostFetch !== undefined) {
    const limit = ways.length > 1 ? stallMs.withOther : stallMs.alone;
    try {
      await fetchOnHost(stage, { hostFetch, file, label, onBytes, stallMs: limit });
      return;
    } catch (error) {
      if (ways.length === 1 || !isOtherWayWorthIt(error)) throw error;
      onWarning?.({
        code: 'PUSHED_INSTEAD',
        message: `${label} is downloaded here and pushed to ${stage.host.description}, which could not fetch it: ${error.message}`,
      });
    }
  }
  await push(stage, options, onBytes);
}

async function push(
  stage: ArtifactStage,
  { abortSignal, file, onWarning, program }: InstallProgramOptions,
  onBytes: (bytes: number, totalBytes: number | undefined) => void,
): Promise<void> {
  const { close, content, sizeBytes } = await program.open({ abortSignal, onWarning, onBytes });
  try {
    await stageFile(stage, { name: file, content, ...(sizeBytes === undefined ? {} : { sizeBytes }) });
  } finally {
    await close?.();
  }
}

/** A wrong digest is an alarm, and no reason to ask somebody else. */
function isOtherWayWorthIt(error: unknown): error is OpencodeInstallError {
  return OpencodeInstallError.is(error) && error.code !== 'DIGEST_MISMATCH' && error.code !== 'ABORTED';
}
