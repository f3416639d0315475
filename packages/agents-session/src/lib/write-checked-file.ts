import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';

import { commandFailed, shellScript } from '@optio-ts/host-core';
import type { Host, StdinSource } from '@optio-ts/host-core';

import { AgentSessionError } from './errors.ts';

// Walks down to the directory one step at a time without following a link, so that the file cannot land outside, then writes it
// under a name of its own and renames it.
//
// $1 the directory to stay in, $2 the directories below it, $3 the file's name, $4 its mode, $5 a suffix nobody else uses,
// $6 `follow` when $1 is the root: there links are the administrator's; $7 the mark at the end of the input.
const WRITE_CHECKED_FILE = `umask 077
cd -P -- "$1" || exit 3
here=$(pwd -P)
asked=\${1%/}
if [ -n "$asked" ]; then
  above=$(cd -P -- "\${asked%/*}/" && pwd -P)
  [ "$here" = "\${above%/}/\${asked##*/}" ] || exit 4
fi
segments=$2
if [ "$6" = follow ]; then
  mkdir -p -- "./$2" && cd -P -- "./$2" || exit 3
  segments=
fi
IFS=/
set -f
for segment in $segments; do
  [ -n "$segment" ] || continue
  if [ -L "$segment" ]; then exit 4; fi
  [ -d "$segment" ] || mkdir -- "$segment" || exit 3
  cd -P -- "./$segment" || exit 3
  here=\${here%/}/$segment
  [ "$(pwd -P)" = "$here" ] || exit 4
done
if [ -d "./$3" ] && ! [ -L "./$3" ]; then exit 5; fi
temporary=./.$5
trap 'rm -f -- "$temporary"' EXIT
trap 'exit 143' HUP INT TERM
set -C
# From here on by its descriptor: the name may be a link by then.
exec 3>"$temporary" || exit 3
file=/proc/self/fd/3
[ -e "$file" ] || file=$temporary
cat >&3 || exit 3
# On a lost link the input ends early and in good order: what is whole ends with the mark, which is cut off again.
length=\${#7}
[ "$(tail -c "$length" "$file" | tr -d '\\0')" = "$7" ] || exit 6
size=$(wc -c <"$file")
dd if=/dev/null of="$file" bs=1 seek=$((size - length)) 2>/dev/null || exit 3
chmod -- "$4" "$file" || exit 3
mv -f -- "$temporary" "./$3" || exit 3
trap - EXIT
`;

/** A file to write. */
export interface CheckedWrite {
  /** Absolute directory on the host that the file must not leave by a link. `/`: links are followed. */
  readonly directory: string;
  /** Relative to it, already without `..`. */
  readonly path: string;
  readonly content: StdinSource;
  /** Permission bits. */
  readonly mode: number;
  readonly abortSignal?: AbortSignal | undefined;
}

let counter = 0;

/** Writes a file below a directory that may hold hostile links. Parents are made. Throws `PATH_REFUSED`. */
export async function writeCheckedFile(host: Host, write: CheckedWrite): Promise<void> {
  const { directory, path, content, mode, abortSignal } = write;
  counter += 1;
  const suffix = `optio-${process.pid}-${counter}-${Math.trunc(Math.random() * 2 ** 32).toString(36)}`;
  const parent = posix.dirname(path);
  const mark = randomBytes(12).toString('hex');
  const command = shellScript(
    WRITE_CHECKED_FILE,
    directory,
    parent === '.' ? '' : parent,
    posix.basename(path),
    mode.toString(8),
    suffix,
    directory === '/' ? 'follow' : 'refuse',
    mark,
  );
  const options = { stdin: withMark(content, mark), ...(abortSignal && { abortSignal }) };
  const result = await host.run(command, options);
  if (result.exitCode === 4 || result.exitCode === 5) {
    const why = result.exitCode === 4 ? 'a link is on the way' : 'it is a directory';
    throw new AgentSessionError(
      'PATH_REFUSED',
      `Refused to write ${JSON.stringify(path)} on ${host.description}: ${why}`,
    );
  }
  if (result.exitCode !== 0) {
    throw commandFailed(host, command, result, result.stderr, `Cannot write ${path}`);
  }
}

/** @yields the content and the mark behind it */
async function* withMark(content: StdinSource, mark: string): AsyncGenerator<Uint8Array, void, void> {
  if (typeof content === 'string') yield Buffer.from(content);
  else if (content instanceof Uint8Array) yield content;
  else yield* content;
  yield Buffer.from(mark);
}
