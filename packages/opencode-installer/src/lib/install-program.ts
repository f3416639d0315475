import { ensureArtifact, runChecked, shellScript } from '@optio-ts/host-core';
import type { Bytes, Host } from '@optio-ts/host-core';

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
 * name. Until then nothing is visible, and whatever goes wrong takes the staging directory with it.
 */
export async function installProgram(host: Host, options: InstallProgramOptions): Promise<void> {
  const { abortSignal, directory, expectedVersion, file, label, name } = options;
  const signal = abortSignal === undefined ? {} : { abortSignal };
  await ensureArtifact(host, {
    directory,
    name,
    ...signal,
    install: async (stage) => {
      await push(host, `${stage.path}/${file}`, options);
    },
    verify: async (path) => {
      options.onProgress?.({ step: 'verify', message: `Trying ${label}` });
      await checkVersion(host, { path: `${path}/${file}`, expected: expectedVersion, abortSignal });
    },
  });
}

/** Byte count and mode are checked on the host: `cat` ends well with whatever it got. */
const script = `
umask 077
cat > "$1" || exit 1
size=$(wc -c < "$1") || exit 1
if [ "$size" -ne "$2" ]; then
  echo "received $size bytes of $2" >&2
  exit 1
fi
chmod 755 "$1"
`;

async function push(host: Host, path: string, options: InstallProgramOptions): Promise<void> {
  const { abortSignal, label, onProgress, onWarning, program } = options;
  const message = `Downloading ${label}`;
  onProgress?.({ step: 'download', message });
  const { content, sizeBytes } = await program.open({
    abortSignal,
    ...(onWarning === undefined ? {} : { onWarning }),
    onBytes: (bytes, totalBytes) => {
      onProgress?.({
        step: 'download',
        message,
        bytes,
        ...(totalBytes === undefined ? {} : { totalBytes }),
      });
    },
  });
  const download = watched(content);
  try {
    await runChecked(host, shellScript(script, path, String(sizeBytes)), {
      what: `Cannot write ${path}`,
      stdin: download.content,
      ...(abortSignal === undefined ? {} : { abortSignal }),
    });
  } catch (error) {
    // Why the bytes stopped coming says more than that the command did not like it.
    throw download.failure() ?? error;
  }
  const failure = download.failure();
  if (failure !== undefined) throw failure;
}

/** Remembers why a stream ended early: a host reports that in words of its own. */
function watched(content: Bytes): { readonly content: Bytes; failure(): Error | undefined } {
  let failure: Error | undefined;
  return {
    content: (async function* watch() {
      try {
        yield* content;
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        throw error;
      }
    })(),
    failure: () => failure,
  };
}
