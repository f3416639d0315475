import { ensureArtifact, stageFile } from '@optio-ts/host-core';
import type { ArtifactStage, Host } from '@optio-ts/host-core';

import { checkVersion } from './check-version.ts';
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
  readonly onProgress?: ((progress: InstallProgress) => void) | undefined;
  readonly onWarning?: ((warning: InstallWarning) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/**
 * Downloads a program through this machine into a staging directory on the host, runs it once, and publishes it under its
 * name. Until then nothing is visible, and whatever goes wrong takes the staging directory with it. Returns the program's path.
 */
export async function installProgram(host: Host, options: InstallProgramOptions): Promise<string> {
  const { abortSignal, directory, expectedVersion, file, label, name, onProgress } = options;
  const check = async (path: string): Promise<void> => {
    onProgress?.({ step: 'verify', message: `Trying ${label}` });
    await checkVersion(host, { path: `${path}/${file}`, expected: expectedVersion, abortSignal });
  };
  const artifact = await ensureArtifact(host, {
    directory,
    name,
    ...(abortSignal === undefined ? {} : { abortSignal }),
    install: (stage) => push(stage, options),
    verify: check,
    onWait: () => {
      onProgress?.({ step: 'wait', message: `Waiting for another installer of ${label}` });
    },
  });
  // Somebody else's: perhaps of this moment, perhaps of a directory whose file was deleted.
  if (!artifact.wasInstalled) await check(artifact.path);
  return `${artifact.path}/${file}`;
}

async function push(stage: ArtifactStage, options: InstallProgramOptions): Promise<void> {
  const { abortSignal, file, label, onProgress, onWarning, program } = options;
  const message = `Downloading ${label}`;
  onProgress?.({ step: 'download', message });
  const { content, sizeBytes } = await program.open({
    abortSignal,
    ...(onWarning === undefined ? {} : { onWarning }),
    onBytes: (bytes, totalBytes) => {
      onProgress?.({ step: 'download', message, bytes, ...(totalBytes === undefined ? {} : { totalBytes }) });
    },
  });
  await stageFile(stage, { name: file, content, sizeBytes });
}
