import { HostError } from './errors.ts';
import type { Host } from './host.ts';
import { enterScript, isMissing, pathError } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { locate } from './path-info.ts';
import { shellScript } from './script.ts';

/** Options of `readFile`. */
export interface ReadFileOptions extends PathOptions {
  /** A longer file is an error, `OUTPUT_LIMIT`. @default 16 MiB */
  readonly maxBytes?: number;
}

/**
 * Reads a whole regular file. `undefined` when it is missing. Throws `PATH_REFUSED` for anything else than a regular file,
 * `OUTPUT_LIMIT`, `PERMISSION_DENIED` and `READ_FAILED`.
 */
export async function readFile(host: Host, path: string, options: ReadFileOptions = {}): Promise<Buffer | undefined> {
  const { maxBytes = 16 * 1024 * 1024, abortSignal } = options;
  const result = await host.run(shellScript(readScript, ...locate(path, options), String(maxBytes)), {
    cwd: '/',
    maxOutputBytes: maxBytes + maxHeadBytes,
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  if (isMissing(result)) return undefined;
  if (result.exitCode === tooLong) throw tooLongError(host, path, maxBytes);
  const end = result.stdout.indexOf(newline);
  if (result.exitCode !== 0 || end === -1) throw pathError(host, `read ${path}`, result, 'READ_FAILED');
  const content = result.stdout.subarray(end + 1);
  if (content.byteLength > maxBytes) throw tooLongError(host, path, maxBytes);
  return content;
}

const newline = 0x0a;
const maxHeadBytes = 128;
const tooLong = 48;

const readScript = `${enterScript}
enter "$1" "$3"
open_regular "$2" "$3"
if [ -e /proc/self/fd/3 ]; then head=$(describe /proc/self/fd/3 -L); else head=$(describe "./$2" -L); fi || exit
size=\${head#* }
[ "\${size% *}" -le "$4" ] || exit ${tooLong}
echo "$head"
exec cat <&3`;

function tooLongError(host: Host, path: string, maxBytes: number): HostError {
  const message = `Cannot read ${path} on ${host.description}: it is longer than ${maxBytes} bytes (maxBytes); openFile and fetchFile take any size`;
  return new HostError('OUTPUT_LIMIT', message);
}
