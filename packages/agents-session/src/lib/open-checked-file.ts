import { shellScript } from '@optio-ts/host-core';
import type { Bytes, Command, Host, HostProcess } from '@optio-ts/host-core';

import { AgentSessionError } from './errors.ts';

// Checks and reads one and the same file: it is opened first, then the open file is asked where it lies, what it is and how large
// it is, and the bytes come from it. Swapping the path for a link at any moment gains nothing. A FIFO that is swapped in before
// the open makes the script hang; the caller's time limit ends that.
//
// An agent that owns the directory above its workdir can put a link in the workdir's own place: then nothing is read through it.
//
// $1 the directory that links may lead around in, itself no link, $2 what is appended to it for where the file must lie, $3 the path: absolute, or
// relative to $1 with a leading ./, $4 the most bytes, $5 `check` or `read`.
const OPEN_CHECKED_FILE = `exec 2>/dev/null
export LC_ALL=C
cd -P -- "$1" || { echo 'refused unreadable'; exit 0; }
top=$(pwd -P; echo x)
top=\${top%?x}
top=\${top%/}
# Links above the directory are the administrator's; one in its own place is not.
asked=\${1%/}
above=$(cd -P -- "\${asked%/*}/" && pwd -P; echo x)
above=\${above%?x}
if [ -n "$asked" ] && [ "$top" != "\${above%/}/\${asked##*/}" ]; then
  echo 'refused outside-workdir'
  exit 0
fi
root=$top$2
if ! [ -e "$3" ]; then
  echo 'refused not-found'
  exit 0
fi
if ! [ -f "$3" ]; then
  echo 'refused not-a-file'
  exit 0
fi
{
  if [ -e /proc/self/fd/3 ]; then
    file=/proc/self/fd/3
    real=$(readlink "$file"; echo x)
    real=\${real%?x}
  else
    # No /proc: the directory is resolved physically, and a link as the last step is not followed.
    file=/dev/fd/3
    [ -L "$3" ] && { echo 'refused not-a-file'; exit 0; }
    real=$(cd -P -- "\${3%/*}/" && pwd -P; echo x)
    real=\${real%?x}
    real=\${real%/}/\${3##*/}
  fi
  if ! [ -f "$file" ]; then
    echo 'refused not-a-file'
    exit 0
  fi
  case $real in
  "$root"/*) ;;
  "$top"/*) echo 'refused outside-deliverables'; exit 0 ;;
  *) echo 'refused outside-workdir'; exit 0 ;;
  esac
  size=$(stat -L -c %s "$file" || stat -L -f %z "$file" || wc -c <"$file")
  size=$((size))
  if [ "$size" -gt "$4" ]; then
    echo "refused too-large $size"
    exit 0
  fi
  if [ "$5" = read ]; then
    echo "ok $size"
    exec head -c "$size" <&3
  fi
  printf 'ok %s\\n%s' "$size" "\${real#"$root"/}"
  exit 0
} 3<"$3" || echo 'refused unreadable'
`;

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
  const { stdout } = await host.run(commandFor(request, 'check'), {
    timeoutMs: request.timeoutMs,
    maxOutputBytes: 65_536,
    ...(request.abortSignal && { abortSignal: request.abortSignal }),
  });
  const text = stdout.toString('utf8');
  const end = text.indexOf('\n');
  const header = parseHeader(end === -1 ? text : text.slice(0, end));
  return header.isAccepted ? { ...header, name: text.slice(end + 1) } : header;
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
    await using process = await host.spawn(commandFor(request, 'read'), { abortSignal: signal });
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
  } catch (error) {
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

function commandFor({ directory, below = '', path, maxBytes }: CheckedFileRequest, mode: 'check' | 'read'): Command {
  const operand = path.startsWith('/') ? path : `./${path}`;
  return shellScript(OPEN_CHECKED_FILE, directory, below, operand, String(maxBytes), mode);
}

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
