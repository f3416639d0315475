import { HostError, downloadFile, outputTail, shellScript } from '@optio-ts/host-core';
import type { ArtifactStage } from '@optio-ts/host-core';

import { OpencodeInstallError } from './errors.ts';
import { throttleBytes } from './progress.ts';
import { displayUrl } from './redact.ts';
import type { HostFetch, OpenDownloadOptions } from './source.ts';
import { defaultMaxBytes } from './unpack-member.ts';
import { refusalOf } from './web-download.ts';

/** Options of `fetchOnHost`. */
export interface FetchOnHostOptions {
  readonly hostFetch: HostFetch;
  /** Name of the program's file in the stage. */
  readonly file: string;
  /** For messages: `opencode 1.18.33 (linux-x64)`. */
  readonly label: string;
  readonly onBytes: OpenDownloadOptions['onBytes'];
  /** Milliseconds without a byte. */
  readonly stallMs: number;
}

/**
 * Takes one member out of an archive that is verified. Through a pipe, so that nothing else of it touches the disk. Prints
 * `done`, `none`, or what a tool complains of.
 */
const unpackScript = `
cd -- "$1" || exit 1
format=$2 file=$3
shift 3
ulimit -f 2097152 2>/dev/null
take() {
  case $format in
    tar.gz) gzip -dc <.download | tar -xOf - "$1" ;;
    zip) unzip -p .download "$1" ;;
  esac
}
complaint=
for member do
  if complaint=$(take "$member" 2>&1 >"$file" </dev/null) && [ -s "$file" ]; then
    rm -f .download
    chmod 755 "$file" || exit 1
    echo 'done'
    exit 0
  fi
done
rm -f "$file" .download
echo none
printf '%s\\n' "$complaint" >&2
`;

/**
 * Has the host fetch a program into a stage: its digest is checked there, before anything unpacks it. Throws
 * `OpencodeInstallError`s for what is the matter with the download, by the same codes as a download by this machine.
 */
export async function fetchOnHost(stage: ArtifactStage, options: FetchOnHostOptions): Promise<void> {
  const { hostFetch } = options;
  try {
    await download(stage, options, hostFetch.url);
  } catch (error) {
    const isElsewhere = OpencodeInstallError.is(error) && error.code === 'VERSION_NOT_FOUND';
    if (!isElsewhere || hostFetch.elsewhere === undefined) throw error;
    await download(stage, options, await hostFetch.elsewhere());
  }
  if (hostFetch.format !== 'binary') await unpack(stage, options);
}

async function download(stage: ArtifactStage, options: FetchOnHostOptions, url: string): Promise<void> {
  const { file, hostFetch, label, onBytes, stallMs } = options;
  const { allowUnverified, format, sha256, sha512 } = hostFetch;
  // Credentials are for one server.
  const headers = new URL(url).origin === new URL(hostFetch.url).origin ? hostFetch.headers : undefined;
  let report: ReturnType<typeof throttleBytes> | undefined;
  try {
    await downloadFile(stage.host, {
      url,
      path: `${stage.path}/${format === 'binary' ? file : '.download'}`,
      mode: 0o755,
      maxBytes: defaultMaxBytes,
      stallMs,
      ...(sha256 !== undefined && { sha256 }),
      ...(sha512 !== undefined && { sha512 }),
      ...(allowUnverified !== undefined && { allowUnverified }),
      ...(headers && { headers }),
      ...(stage.abortSignal && { abortSignal: stage.abortSignal }),
      onProgress: ({ sizeBytes, totalBytes }) => {
        report ??= throttleBytes(totalBytes, onBytes);
        report(sizeBytes);
      },
    });
  } catch (error) {
    throw explainHostDownload(error, label, url);
  }
}

/** Says what is the matter with a download by a host as a download by this machine would say it. */
export function explainHostDownload(error: unknown, label: string, url: string): unknown {
  if (!HostError.is(error)) return error;
  // A program of the host that is missing is only a reason to take the other way.
  if (error.code === 'COMMAND_NOT_FOUND' || error.code === 'DOWNLOAD_FAILED') {
    return (
      refusalOf(Reflect.get(error, 'status'), label, url) ??
      new OpencodeInstallError('DOWNLOAD_FAILED', error.message, { cause: error })
    );
  }
  return error.code === 'DIGEST_MISMATCH'
    ? new OpencodeInstallError('DIGEST_MISMATCH', `${error.message}; nothing was installed`, { cause: error })
    : error;
}

async function unpack({ abortSignal, host, path }: ArtifactStage, options: FetchOnHostOptions): Promise<void> {
  const { file, hostFetch, label } = options;
  const { format, members, url } = hostFetch;
  const { exitCode, stderr, stdout } = await host.run(shellScript(unpackScript, path, format, file, ...members), {
    ...(abortSignal && { abortSignal }),
  });
  if (exitCode === 0 && stdout.toString('utf8').trim() === 'done') return;
  const complaint = outputTail(stderr);
  throw new OpencodeInstallError(
    'PACKAGE_INVALID',
    `${host.description} finds no file ${members.join(' or ')} in ${label} from ${displayUrl(url)}${complaint === '' ? '' : `\n\n${complaint}`}`,
  );
}
