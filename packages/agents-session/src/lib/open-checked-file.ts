import { firstError, shellScript } from '@optio-ts/host-core';
import type { Bytes, Command, Host, HostProcess } from '@optio-ts/host-core';

import { CHECKED_FILE_SCRIPT } from './checked-file-script.ts';
import { AgentSessionError } from './errors.ts';

/** What is looked for, and where it must lie. */
export interface CheckedFileRequest {
  /** Absolute directory on the host: when a link stands in its place, nothing in it is accepted. */
  readonly directory: string;
  /** The directory below it, as `/name`, that the file must really lie in. @default the directory itself */
  readonly below?: string;
  /** Absolute, or relative to the directory. */
  readonly path: string;
  readonly maxBytes: number;
  readonly abortSignal?: AbortSignal | undefined;
  /** Milliseconds until the answer must have come. */
  readonly timeoutMs: number;
}

/** Why a file was not opened, in the words of the script. */
export type FileRefusal =
  | 'not-found'
  | 'not-a-file'
  | 'outside-workdir'
  | 'outside-deliverables'
  | 'too-large'
  | 'unreadable';

/** What the check found. */
export type CheckedFile =
  | { readonly isAccepted: true; readonly name: string; readonly sizeBytes: number }
  | { readonly isAccepted: false; readonly refusal: FileRefusal; readonly sizeBytes: number | undefined };

/** Looks whether a file may be read, where it really lies and how large it is. One round trip. */
export async function checkFile(host: Host, request: CheckedFileRequest): Promise<CheckedFile> {
  const [found] = await checkFiles(host, request, [request.path]);
  return found ?? NO_ANSWER;
}

/** The same for several paths, in their order, in one round trip. `request.path` does not matter. */
export async function checkFiles(
  host: Host,
  request: Omit<CheckedFileRequest, 'path'>,
  paths: readonly string[],
): Promise<readonly CheckedFile[]> {
  const { stdout } = await host.run(commandFor(request, 'check', paths), {
    timeoutMs: request.timeoutMs,
    maxOutputBytes: 65_536 + paths.length * 8192,
    ...(request.abortSignal && { abortSignal: request.abortSignal }),
  });
  const answers = stdout.toString('utf8').split('\0');
  return paths.map((_, index) => {
    const [line = '', ...rest] = (answers[index] ?? '').split('\n');
    const header = parseHeader(line);
    return header.isAccepted ? { ...header, name: rest.join('\n') } : header;
  });
}

/**
 * Checks a file again and streams its bytes from what was checked. Throws `DELIVERABLE_UNREADABLE`.
 *
 * @yields its bytes, as they come
 */
export async function* readCheckedFile(host: Host, request: CheckedFileRequest): Bytes {
  const { abortSignal, path, timeoutMs } = request;
  // The limit is for the answer, which a FIFO would never give; a large file may take its time.
  const opening = new AbortController();
  const timer = setTimeout(
    () => opening.abort(new Error(`the host did not open it within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const signal = abortSignal ? AbortSignal.any([abortSignal, opening.signal]) : opening.signal;
  try {
    await using process = await host.spawn(commandFor(request, 'read', [path]), { abortSignal: signal });
    drain(process);
    let header: Uint8Array | undefined = new Uint8Array();
    let expected = 0;
    let received = 0;
    for await (const chunk of process.stdout) {
      let bytes = chunk;
      if (header !== undefined) {
        const seen: Buffer = Buffer.concat([header, chunk]);
        const end = seen.indexOf(0x0a);
        header = seen;
        if (end === -1) continue;
        clearTimeout(timer);
        const parsed = parseHeader(seen.toString('latin1', 0, end));
        if (!parsed.isAccepted) throw unreadable(path, describeRefusal(parsed.refusal, request.maxBytes));
        expected = parsed.sizeBytes;
        header = undefined;
        bytes = seen.subarray(end + 1);
      }
      received += bytes.length;
      if (bytes.length > 0) yield bytes;
    }
    await process.exited;
    if (header !== undefined) throw unreadable(path, 'the host gave no answer');
    if (received !== expected) throw unreadable(path, `it had ${expected} bytes, of which ${received} came`);
  } catch (caught) {
    const error = firstError(caught);
    if (AgentSessionError.is(error) || abortSignal?.aborted === true) throw error;
    const reason: unknown = opening.signal.aborted ? opening.signal.reason : error;
    throw unreadable(path, reason instanceof Error ? reason.message : String(reason), error);
  } finally {
    clearTimeout(timer);
  }
}

/** A refusal in words that fit after a colon. */
export function describeRefusal(refusal: FileRefusal, maxBytes: number, sizeBytes?: number): string {
  switch (refusal) {
    case 'not-found':
      return 'not found';
    case 'not-a-file':
      return 'not a regular file';
    case 'outside-workdir':
      return 'invalid deliverable path, it leads out of the workdir';
    case 'outside-deliverables':
      return 'not under deliverables/';
    case 'too-large':
      return `${sizeBytes === undefined ? 'larger' : `${sizeBytes} bytes, more`} than the ${maxBytes} bytes that are allowed`;
    case 'unreadable':
      return 'cannot be opened for reading';
    default:
      return refusal satisfies never;
  }
}

function commandFor(
  { directory, below = '', maxBytes }: Omit<CheckedFileRequest, 'path'>,
  mode: 'check' | 'read',
  paths: readonly string[],
): Command {
  const operands = paths.map((path) => (path.startsWith('/') ? path : `./${path}`));
  return shellScript(CHECKED_FILE_SCRIPT, directory, below, String(maxBytes), mode, ...operands);
}

const NO_ANSWER: CheckedFile = { isAccepted: false, refusal: 'unreadable', sizeBytes: undefined };

const REFUSALS: readonly string[] = [
  'not-found',
  'not-a-file',
  'outside-workdir',
  'outside-deliverables',
  'too-large',
] satisfies FileRefusal[];

function parseHeader(
  line: string,
):
  | { readonly isAccepted: true; readonly sizeBytes: number }
  | { readonly isAccepted: false; readonly refusal: FileRefusal; readonly sizeBytes: number | undefined } {
  const [verdict, detail = '', size] = line.split(' ');
  if (verdict === 'ok' && /^[0-9]+$/.test(detail)) return { isAccepted: true, sizeBytes: Number(detail) };
  const refusal = REFUSALS.includes(detail) ? (detail as FileRefusal) : 'unreadable';
  return { isAccepted: false, refusal, sizeBytes: size === undefined ? undefined : Number(size) };
}

function unreadable(path: string, why: string, cause?: unknown): AgentSessionError {
  return new AgentSessionError('DELIVERABLE_UNREADABLE', `Cannot read ${JSON.stringify(path)}: ${why}`, { cause });
}

// The script writes nothing there, but a stream that nobody reads could keep a host from seeing the end.
function drain({ stderr }: HostProcess): void {
  void (async () => {
    for await (const chunk of stderr) void chunk;
  })().catch(() => undefined); // the same failure ends stdout and `exited`, where it is reported
}
