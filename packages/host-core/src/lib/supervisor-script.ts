import { hereFunction } from './here-script.ts';
import { processIdentityFunctions } from './process-identity-script.ts';
import { controlFunctions } from './supervised-scripts.ts';

/**
 * Starts a supervised process and prints one line: `ok` with its record, or `failed`, `exists`, `cwd`, `missing`, with a
 * reason. The layout of the directory it makes is described at `startSupervised`.
 *
 * `$1` supervisor script, `$2` command script, `$3` kill script; `$4` task directory; `$5` id; `$6` run id; `$7` ticks of a
 * lease; `$8` seconds of a tick; `$9` bytes of output kept; then the working directory, `all` or `some` of the environment,
 * the globs of `some`, the names that are kept in any case (one per line), and the command.
 *
 * - `mkdir` is the lock of an id.
 * - What a shell starts with `&` ignores SIGINT and SIGQUIT for ever, and so would the command. Therefore setsid detaches:
 *   the first makes a leader, and setsid run by a leader forks and returns at once.
 * - `read` returns with the answer, whoever still holds the pipe: no polling.
 * - What a parent left open above descriptor 2 would stay open as long as the command runs.
 */
export const startSupervisedScript: string = `
supervise=$1 wrap=$2 kill=$3 task=$4 id=$5 run=$6 ticks=$7 tick=$8 limit=$9
shift 9
cwd=$1 mode=$2 keep=$3 given=$4
shift 4
end() { printf '%s\\n' "$*"; exit 0; }
${processIdentityFunctions}${hereFunction}
unset CDPATH
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
mask=$(umask)
umask 077
( cd -- "$cwd" ) 2>/dev/null || end cwd
( cd -- "$cwd" && command -v "$1" ) >/dev/null 2>&1 || end missing
[ -d "$task" ] && [ ! -L "$task" ] && cd -P -- "$task" 2>/dev/null || end "failed no directory $task"
control=\${PWD%/}/control
[ ! -L ./control ] || end "failed $control is a link"
mkdir ./control 2>/dev/null
cd -P ./control 2>/dev/null && [ "$(here)" = "$control" ] || end "failed $control cannot be entered"
dir=$control/$id
if ! error=$(mkdir "./$id" 2>&1); then
  if [ -e "./$id" ] || [ -L "./$id" ]; then end exists; fi
  end "failed $error"
fi
cd -P "./$id" 2>/dev/null && [ "$(here)" = "$dir" ] || end "failed $dir cannot be entered"
for name in state.run ended.itself lease.0 output errors; do
  true >"./$name" || end "failed cannot write to $dir"
done
read_boot
# Not of this command any more: whoever ends that must not end what it started.
unset OPTIO_RUN_ID
OPTIO_SUPERVISOR_OF=$run
export OPTIO_SUPERVISOR_OF
# In the environment, which is nobody else's to read and leaves the list of processes readable.
OPTIO_SUPERVISE=$supervise OPTIO_WRAP=$wrap OPTIO_KILL=$kill
export OPTIO_SUPERVISE OPTIO_WRAP OPTIO_KILL
set -- sh -c 'eval "$OPTIO_SUPERVISE"' sh "$dir" "$run" "$boot" "$ticks" "$tick" "$limit" "$cwd" "$mask" "$mode" "$keep" "$given" "$@"
if command -v setsid >/dev/null; then set -- setsid sh -c 'exec setsid "$@"' sh "$@"
else set -- perl -e 'use POSIX; fork and exit; POSIX::setsid(); exec @ARGV; exit 127' "$@"
fi
answer=$("$@" </dev/null 2>./errors | { read -r answer; printf %s "$answer"; })
case $answer in
  'ok '*) ;;
  *)
    answer=\${answer:-failed $(head -c 400 ./errors | tr '\\n' ' ')}
    cd -P "$control" && [ "$(here)" = "$control" ] && rm -rf "./$id"
    ;;
esac
end "$answer"
`;

/**
 * The supervisor: leader of a session of its own. Parameters: as `startSupervisedScript` passes them; its own scripts are in the
 * environment.
 *
 * - Signals are caught, not ignored: what is ignored would be ignored by the command too.
 * - The command runs in the foreground, for the reason given above. So its own shell takes down its identity, starts the
 *   watcher (which is nobody's child then) and writes the record, all before it becomes the command: nothing ever runs
 *   that is not on record.
 * - Once the command has ended, what it left behind is ended by its run id: then the pump comes to its end as well.
 * - The watcher counts its own ticks and compares names, so it needs no clock and no free disk. It goes on when the
 *   supervisor was killed, and does its work then. It cannot be ended in the middle of ending the tree.
 * - The pump measures what it has written instead of counting: dd ends early after short reads, and head buffers. A dd that
 *   adds nothing has come to the end, or the disk is full; the command must not feel either.
 */
export const supervisorScript: string = `
wrap=$OPTIO_WRAP kill=$OPTIO_KILL dir=$1 run=$2 boot=$3 ticks=$4 tick=$5 limit=$6
unset OPTIO_SUPERVISE OPTIO_WRAP OPTIO_KILL
shift 6
${processIdentityFunctions}${controlFunctions}
trap : HUP INT QUIT TERM
cd /
# The directory may be gone: nothing of this may depend on it.
end_tree() {
  report=$(sh -c "$kill" sh "$run" "$1" 2000 '' 2>&1)
  # Standard error is the file of that name, as it was opened at the start: by name it could be a link by now.
  [ -z "$report" ] || printf '%s\\n' "$report" >&2
}
finish() {
  end_tree "$child:gone"
  tries=0
  while [ $tries -lt 20 ] && is_same "$pump" "$pump_start"; do pause 0.05; tries=$((tries + 1)); done
}
record_code() { ( enter_control "$dir" && rename state.run "code.$1" ) }
record_exit() {
  record_code "$1"
  ( enter_control "$dir" && { rm -f ./pipe; complete; } )
}
watch() {
  last= same=0
  trap 'kill "$nap" 2>/dev/null; exit 0' TERM
  while :; do
    sleep "$tick" & nap=$!
    wait "$nap"
    if ! is_same $$ "$own" && ! is_same "$child" "$child_start"; then
      trap '' TERM
      finish
      record_exit 137
      exit 0
    fi
    here=
    if enter_control "$dir"; then here=1; set -- ./lease.*; fi
    cd /
    if [ "$1" = "$last" ]; then same=$((same + 1)); else last=$1 same=0; fi
    if [ $same -ge "$ticks" ] || [ -z "$here" ]; then
      trap '' TERM
      ( enter_control "$dir" && rename ended.itself ended.lease )
      end_tree "$child:$child_start"
      is_same $$ "$own" && exit 0
      finish
      record_exit 137
      exit 0
    fi
  done
}
size() { bytes=$(wc -c <"$kept") || bytes=0; bytes=$((bytes)); }
keep_output() {
  kept=/proc/self/fd/7
  [ -e $kept ] || kept=$dir/output
  size
  while [ $bytes -lt "$limit" ]; do
    left=$((limit - bytes)) before=$bytes
    if [ $left -ge 65536 ]; then dd bs=65536 count=$((left / 65536)) >&7
    else dd bs=$left count=1 >&7
    fi 2>/dev/null
    size
    [ $bytes -gt $before ] || break
  done
  exec cat >/dev/null 7>&-
}
fail() { printf 'failed %s\\n' "$1"; exit 1; }
look_at $$ || fail 'cannot find its own process'
own=$start
mkfifo "$dir/pipe" || fail "cannot make a pipe in $dir"
# Once, before anything runs: by name it could be another file by then.
{ command exec 7>>"$dir/output"; } 2>/dev/null || fail "cannot write to $dir"
( exec >/dev/null; keep_output ) <"$dir/pipe" &
pump=$!
exec 7>&-
look_at "$pump"
pump_start=$start
# Two descriptors of a file without a name: what they say nobody else can forge.
exec 4>"$dir/private" 5<"$dir/private" || exit 1
rm -f "$dir/private"
(
  look_at_self || fail 'cannot find its own process'
  child=$self child_start=$start
  watcher=$( ( watch ) </dev/null >/dev/null 4>&- 5<&- & echo $! )
  look_at "$watcher" || fail 'cannot find its watcher'
  record="1 $run $boot $$ $own $child $child_start $watcher $start"
  printf '%s\\n' "$record" >"$dir/record.new" && { read -r back <"$dir/record.new"; } && [ "$back" = "$record" ] &&
    mv "$dir/record.new" "$dir/record" && printf '%s\\n' "$record" >&4 || { kill -KILL "$watcher"; fail "cannot write to $dir"; }
  exec 4>&- 5<&-
  unset OPTIO_SUPERVISOR_OF
  OPTIO_RUN_ID=$run
  export OPTIO_RUN_ID
  OPTIO_WRAP=$wrap
  export OPTIO_WRAP
  set -- sh -c 'eval "$OPTIO_WRAP"' sh "$dir" "$record" "$@"
  if command -v setsid >/dev/null; then exec setsid "$@"
  else exec perl -e 'use POSIX; POSIX::setsid(); exec @ARGV; exit 127' "$@"
  fi
)
code=$?
exec >/dev/null
# A pump that still waits for a writer, because there never was one, sees one come and go.
if [ -p "$dir/pipe" ] && [ ! -L "$dir/pipe" ]; then { command exec 6<>"$dir/pipe"; } 2>/dev/null; exec 6>&-; else kill -KILL "$pump"; fi
read -r version run boot pid start child child_start watcher watcher_start <&5 || { kill -KILL "$pump"; exit 1; }
record_code "$code"
finish
kill -TERM "$watcher" 2>/dev/null
tries=0
while [ $tries -lt 300 ] && is_same "$watcher" "$watcher_start"; do pause 0.05; tries=$((tries + 1)); done
record_exit "$code"
`;
