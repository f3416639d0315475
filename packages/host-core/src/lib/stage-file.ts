import { createHash } from 'node:crypto';

import type { ArtifactStage } from './ensure-artifact.ts';
import { HostError } from './errors.ts';
import type { Bytes } from './host.ts';
import { runChecked } from './run-checked.ts';
import { shellScript } from './script.ts';

/** A file for a stage, whose bytes come from this side. */
export interface StagedFile {
  /** Name in the stage, without `/`. */
  readonly name: string;
  readonly content: Bytes;
  /** @default any size */
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
  const { name, mode = 0o755 } = file;
  if (!/^[^/\0]+$/.test(name) || name === '.' || name === '..')
    throw new TypeError(`Not a file name: ${JSON.stringify(name)}`);
  const { host, path, abortSignal } = stage;
  let sizeBytes = 0;
  const checked = check(file, (size) => {
    sizeBytes = size;
    file.onProgress?.(size);
  });
  const options = { stdin: checked, what: `Cannot write ${name}`, ...(abortSignal && { abortSignal }) };
  const { stdout } = await runChecked(host, shellScript(writeScript, `${path}/${name}`, mode.toString(8)), options);
  const written = Number(stdout.toString('latin1'));
  if (written !== sizeBytes) {
    throw new HostError(
      'WRITE_FAILED',
      `Cannot write ${name} on ${host.description}: ${written} of ${sizeBytes} bytes arrived`,
    );
  }
}

const writeScript = `
cat >"$1" || exit 1
chmod "$2" "$1" || exit 1
wc -c <"$1" | tr -d ' \\n'
`;

async function* check(file: StagedFile, onSize: (bytes: number) => void): AsyncGenerator<Uint8Array, void, void> {
  const sha256 = createHash('sha256');
  const sha512 = createHash('sha512');
  let size = 0;
  for await (const chunk of file.content) {
    size += chunk.byteLength;
    if (file.sizeBytes !== undefined && size > file.sizeBytes) break;
    if (file.sha256 !== undefined) sha256.update(chunk);
    if (file.sha512 !== undefined) sha512.update(chunk);
    yield chunk;
    onSize(size);
  }
  const refuse = (what: string): HostError =>
    new HostError('DIGEST_MISMATCH', `${file.name} does not have its ${what}`);
  if (file.sizeBytes !== undefined && size !== file.sizeBytes)
    throw refuse(`announced size of ${file.sizeBytes} bytes`);
  if (file.sha256 !== undefined && sha256.digest('hex') !== file.sha256.toLowerCase())
    throw refuse('announced SHA-256');
  if (file.sha512 !== undefined) {
    const digest = sha512.digest();
    if (digest.toString('hex') !== file.sha512.toLowerCase() && digest.toString('base64') !== file.sha512) {
      throw refuse('announced SHA-512');
    }
  }
}
