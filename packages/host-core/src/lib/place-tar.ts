import type { Bytes, Command, Host, RunResult } from './host.ts';
import { enterScript, pathExitCodes } from './path-access.ts';
import { createRunId } from './run-id.ts';
import { shellScript } from './script.ts';
import { addParents } from './tar-parents.ts';
import { gather, writeTar } from './tar-writer.ts';
import type { TarMember } from './tar-writer.ts';

/** Options of `placeTar`. */
export interface PlaceTarOptions {
  /** As `checkBeneath` returns it. */
  readonly beneath: string;
  /** Whether what is in the directory already stays. */
  readonly existing: 'keep' | 'remove';
  readonly abortSignal?: AbortSignal;
}

/**
 * Unpacks members below a directory, in one round trip: as a tar into a fresh directory beside the places, and from there by
 * rename. What they lie in and no member names is made with mode 0700. The caller judges the exit code, see `pathError`.
 */
export function placeTar(
  host: Host,
  directory: string,
  members: AsyncIterable<TarMember> | Iterable<TarMember>,
  options: PlaceTarOptions,
): Promise<RunResult> {
  const { abortSignal } = options;
  const { command, stdin } = planPlacing(directory, members, options);
  return host.run(command, { cwd: '/', stdin, ...(abortSignal === undefined ? {} : { abortSignal }) });
}

/** A command that places what it reads, to be run in `/`. */
export interface Placing {
  readonly command: Command;
  readonly stdin: Bytes;
}

/** The command of `placeTar`, for whoever runs it together with another. */
export function planPlacing(
  directory: string,
  members: AsyncIterable<TarMember> | Iterable<TarMember>,
  { beneath, existing }: Omit<PlaceTarOptions, 'abortSignal'>,
): Placing {
  const stage = `.optio-write-${createRunId()}`;
  return {
    command: shellScript(placeScript, directory, beneath, stage, existing),
    stdin: gather(writeTar(withEnd(addParents(members), stage))),
  };
}

/**
 * The last member says that all have come. Where the link breaks, tar reads the end of its input, and at the end of a member
 * it takes that for the end of the archive.
 *
 * @yields the members and that last one
 */
async function* withEnd(
  members: AsyncIterable<TarMember> | Iterable<TarMember>,
  name: string,
): AsyncGenerator<TarMember, void, void> {
  yield* members;
  yield { type: 'file', name: Buffer.from(name), mode: 0o600, modifiedSeconds: 0 };
}

// The clean-up ignores TERM, and so does the rm it starts: a kill of the whole tree may reach tar first, so that the script
// is at its end already when its own TERM comes. Where the link is lost nobody hears a complaint, and it must not end by that.
//
// `mv` into the current directory renames over whatever has the name, also over a link to a directory, which `mv a b` would
// enter. What does not exist yet is moved as a whole tree; only directories that are there are walked.
//
// busybox's tar lets the umask have its way with modes, -p or not, unless root calls it. Nobody else can enter the stage, and
// each directory has a member that says its mode, see `addParents`.
const placeScript = `${enterScript}
umask 077
make_and_enter "$1" "$2"
top=$(here) stage=$3
cleanup() {
  trap '' TERM INT HUP
  cd / && rm -rf "$top/$stage"
}
trap cleanup EXIT
trap 'cleanup; exit 143' TERM INT HUP
trap '' PIPE
mkdir "./$stage" || exit
cd "./$stage" && [ "$(here)" = "$top/$stage" ] || exit ${pathExitCodes.link}
(umask 0 && exec tar -xpof -) || exit 1
[ -f "./$stage" ] || { echo 'its input ended early' >&2; exit 1; }
rm -f "./$stage"
place() (
  cd -- "$2" && [ "$(here)" = "$2" ] || exit ${pathExitCodes.link}
  from=$1 to=$2
  set --
  for source in "$from"/* "$from"/.[!.]* "$from"/..?*; do
    [ -e "$source" ] || [ -L "$source" ] || continue
    name=\${source##*/}
    if [ -d "$source" ] && [ ! -L "$source" ]; then
      if [ -L "./$name" ]; then exit ${pathExitCodes.link}; fi
      if [ -d "./$name" ]; then
        place "$source" "$to/$name" || exit
        continue
      fi
    elif [ -d "./$name" ] && [ ! -L "./$name" ]; then
      echo "$to/$name is a directory" >&2
      exit 1
    fi
    set -- "$@" "$source"
    if [ $# -ge 500 ]; then
      mv -f "$@" ./ || exit 1
      set --
    fi
  done
  [ $# -eq 0 ] || mv -f "$@" ./ || exit 1
)
clear() { find . ! -name . -prune ! -name "$stage" -exec rm -rf -- {} +; }
unlock() { find . -path "./$stage" -prune -o -type d ! -perm -700 -exec chmod u+rwx {} \\;; }
if [ "$4" = remove ]; then
  cd "$top" && [ "$(here)" = "$top" ] || exit ${pathExitCodes.link}
  clear 2>/dev/null || { unlock; clear; } || exit 1
fi
place "$top/$stage" "$top"`;
