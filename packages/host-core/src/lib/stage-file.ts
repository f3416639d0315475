import { checkContent } from './check-content.ts';
import type { ArtifactStage } from './ensure-artifact.ts';
import { HostError } from './errors.ts';
import type { Bytes } from './host.ts';
import { pushFile } from './push-file.ts';
import { runChecked } from './run-checked.ts';
import { shellScript } from './script.ts';

/** A file for a stage, whose bytes come from this side. */
export interface StagedFile {
  /** Name in the stage, without `/`. */
  readonly name: string;
  readonly content: Bytes;
  /** Tell it where it is known: a large file then reaches a far host over several channels. @default any size */
  readonly sizeBytes?: number;
  /** Hex digest. @default not checked */
  readonly sha256?: string;
  /** Digest in hex or, as npm writes it, base64. @default not checked */
  readonly sha512?: string;
  /** @default 0o755 */
  readonly mode?: number;
  /** Called with the bytes sent so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Sends a file into a stage as a stream and checks it on the way: `DIGEST_MISMATCH` for a size or digest that is not the
 * announced one, before anything of it can be used. Throws what `content` throws, as it is, and `WRITE_FAILED`.
 */
export async function stageFile(stage: ArtifactStage, file: StagedFile): Promise<void> {
  const { name, mode = 0o755, sizeBytes, content } = file;
  if (!/^[^/\0]+$/.test(name) || name === '.' || name === '..')
    throw new TypeError(`Not a file name: ${JSON.stringify(name)}`);
  const { host, path, abortSignal } = stage;
  const target = `${path}/${name}`;
  const abort = abortSignal === undefined ? {} : { abortSignal };
  if (sizeBytes !== undefined) return pushFile(host, target, content, { ...file, sizeBytes, mode, ...abort });
  let sentBytes = 0;
  const onProgress = (bytes: number): void => {
    sentBytes = bytes;
    file.onProgress?.(bytes);
  };
  const stdin = checkContent(content, { ...file, onProgress }, name);
  const { stdout } = await runChecked(host, shellScript(writeScript, target, mode.toString(8)), {
    stdin,
    what: `Cannot write ${name}`,
    ...abort,
  });
  const written = Number(stdout.toString('latin1'));
  if (written !== sentBytes) {
    throw new HostError(
      'WRITE_FAILED',
      `Cannot write ${name} on ${host.description}: ${written} of ${sentBytes} bytes arrived`,
    );
  }
}

const writeScript = `
cat >"$1" || exit 1
chmod "$2" "$1" || exit 1
wc -c <"$1" | tr -d ' \\n'
`;
