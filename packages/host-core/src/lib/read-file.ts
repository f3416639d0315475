import { HostError } from './errors.ts';
import type { Bytes, Host } from './host.ts';
import { enterScript, isMissing, pathError } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { locate } from './path-info.ts';
import { collectTail } from './read-tail.ts';
import { shellScript } from './script.ts';

/** Options of `readFile`. */
export interface ReadFileOptions extends PathOptions {
  /** A longer file is an error, `OUTPUT_LIMIT`. @default 16 MiB */
  readonly maxBytes?: number;
}

/** A file that is being read. Disposing it ends the reading, whether or not it began. */
export interface OpenedFile extends AsyncDisposable {
  /** When it was opened. */
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  /** The content, once. Stop reading early and the rest is not fetched. */
  readonly content: Bytes;
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

/**
 * Opens a regular file for reading as a stream. Throws `NOT_FOUND`, `PATH_REFUSED` and `PERMISSION_DENIED`; reading throws
 * `READ_FAILED` when the stream broke off, so that half a file never looks like a whole one. Read it
 * or dispose it.
 */
export async function openFile(host: Host, path: string, options: PathOptions = {}): Promise<OpenedFile> {
  const { abortSignal } = options;
  const child = await host.spawn(shellScript(readScript, ...locate(path, options), ''), {
    cwd: '/',
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
  const stderr = collectTail(child.stderr);
  const chunks = child.stdout[Symbol.asyncIterator]();
  const whatWentWrong = async (): Promise<HostError | undefined> => {
    const exit = await child.exited;
    if (exit.exitCode === 0) return undefined;
    return pathError(host, `read ${path}`, { ...exit, stderr: await stderr }, 'READ_FAILED');
  };

  let head: Buffer = Buffer.alloc(0);
  while (!head.includes(newline)) {
    const { value, done } = await chunks.next();
    if (done === true || head.byteLength > maxHeadBytes) {
      throw (await whatWentWrong()) ?? new HostError('READ_FAILED', `Cannot read ${path} on ${host.description}`);
    }
    head = Buffer.concat([head, value]);
  }
  const end = head.indexOf(newline);
  const [, size, seconds] = head.subarray(0, end).toString().split(' ');

  async function* content(): AsyncGenerator<Uint8Array, void, void> {
    let isWhole = false;
    try {
      if (head.byteLength > end + 1) yield head.subarray(end + 1);
      for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) yield step.value;
      const error = await whatWentWrong();
      if (error !== undefined) throw error;
      isWhole = true;
    } finally {
      if (!isWhole) await child.kill({ graceMs: 0 });
    }
  }
  return {
    sizeBytes: Number(size),
    modifiedAt: new Date(Number(seconds) * 1000),
    content: content(),
    [Symbol.asyncDispose]: () => child.kill({ graceMs: 0 }),
  };
}

const newline = 0x0a;
const maxHeadBytes = 128;
const tooLong = 48;

const readScript = `${enterScript}
enter "$1" "$3"
open_regular "$2" "$3"
if [ -e /proc/self/fd/3 ]; then head=$(describe /proc/self/fd/3 -L); else head=$(describe "./$2" -L); fi || exit
if [ -n "$4" ]; then
  size=\${head#* }
  [ "\${size% *}" -le "$4" ] || exit ${tooLong}
fi
echo "$head"
exec cat <&3`;

function tooLongError(host: Host, path: string, maxBytes: number): HostError {
  const message = `Cannot read ${path} on ${host.description}: it is longer than ${maxBytes} bytes`;
  return new HostError('OUTPUT_LIMIT', message);
}
