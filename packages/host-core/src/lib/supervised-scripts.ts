import { processIdentityFunctions } from './process-identity-script.ts';

/**
 * `is_marked NAME PID`: whether the process was started with the run id in that variable. What a record says of a pid is
 * believed only so far: the record may be forged, the environment of a process that we started is not.
 */
const markFunction = `
is_marked() {
  if [ -r /proc/self/stat ]; then grep -qs "$1=$run" "/proc/$2/environ"
  else ps -wwEo command= -p "$2" 2>/dev/null | grep -q "$1=$run"
  fi
}
`;

/**
 * Waits for the end of a supervised process. Prints `.` now and then, so that it ends when nobody reads any more, and at
 * last `exit <code> <itself|lease>`, or `lost`.
 *
 * `$1` directory; `$2` boot id; then pid and start time of supervisor, command, watcher.
 *
 * Who is alive is looked up before the files are: who is gone by then has written all that he will ever write.
 */
export const waitSupervisedScript: string = `
dir=$1 given_boot=$2
${processIdentityFunctions}
read_boot
turns=0 nap=0.1
while :; do
  writer= command=
  if [ "$boot" = "$given_boot" ]; then
    if is_same "$3" "$4" || is_same "$7" "$8"; then writer=1; fi
    if is_same "$5" "$6"; then command=1; fi
  fi
  ended=itself
  [ ! -e "$dir/ended.lease" ] || ended=lease
  for file in "$dir"/exit.*; do [ ! -e "$file" ] || { printf 'exit %s %s\\n' "\${file##*.}" "$ended"; exit 0; }; done
  if [ -z "$writer$command" ]; then
    for file in "$dir"/code.*; do [ ! -e "$file" ] || { printf 'exit %s %s\\n' "\${file##*.}" "$ended"; exit 0; }; done
    echo lost
    exit 0
  fi
  turns=$((turns + 1))
  case $turns in 20) nap=0.25 ;; *0) printf '.\\n' || exit 1 ;; esac
  pause "$nap"
done
`;

/**
 * Renews a lease by another name of its file: a rename needs no free disk. Prints `renewed`, `ended`, `unwatched` or `failed`.
 *
 * `$1` directory; `$2` the new name's end; `$3` boot id; then pid and start time of command and watcher.
 */
export const renewLeaseScript: string = `
dir=$1 token=$2 given_boot=$3 command=$4 command_start=$5 watcher=$6 watcher_start=$7
${processIdentityFunctions}
read_boot
for file in "$dir"/exit.*; do [ ! -e "$file" ] || { echo ended; exit 0; }; done
[ "$boot" = "$given_boot" ] || { echo ended; exit 0; }
for file in "$dir"/lease.*; do mv "$file" "$dir/lease.$token" 2>/dev/null; done
[ -e "$dir/lease.$token" ] || { echo failed; exit 0; }
if is_same "$watcher" "$watcher_start"; then echo renewed
elif is_same "$command" "$command_start"; then echo unwatched
else echo ended
fi
`;

/**
 * Ends a supervised process and all it started, and prints `confirmed`, or `survivors` or `unknown` with what the kill
 * script said.
 *
 * `$1` kill script; `$2` directory; `$3` run id; `$4` boot id; `$5` \`1\` when the identities come from the start itself and
 * not from a record; `$6` milliseconds of grace; then pid and start time of supervisor and command.
 *
 * - TERM comes twice, half the grace apart: some programs swallow the first.
 * - The supervisor itself is ended only when it does not come to its end, and then the record is completed here.
 */
export const stopSupervisedScript: string = `
kill=$1 dir=$2 run=$3 given_boot=$4 trusted=$5 grace=$6 supervisor=$7 supervisor_start=$8 command=$9
shift 9
command_start=$1
${processIdentityFunctions}${markFunction}
read_boot
if [ "$boot" != "$given_boot" ]; then echo confirmed; exit 0; fi
lives() { is_same "$command" "$command_start" && { [ -n "$trusted" ] || is_marked OPTIO_RUN_ID "$command"; }; }
wait_for() {
  left=$1
  while [ $left -gt 0 ]; do
    lives || return 0
    if sleep 0.05 2>/dev/null; then left=$((left - 50)); else sleep 1; left=$((left - 1000)); fi
  done
}
terminate() { lives && { kill -TERM "-$command" 2>/dev/null || kill -TERM "$command" 2>/dev/null; }; }
if [ "$grace" -gt 0 ]; then
  terminate && wait_for $((grace / 2))
  terminate && wait_for $((grace / 2))
fi
if lives; then root=$command:$command_start
elif [ -n "$trusted" ]; then root=$command:gone
else root=
fi
report=$(sh -c "$kill" sh "$run" "$root" 500 '' 2>&1)
result=$?
has_exit() { for file in "$dir"/exit.*; do [ ! -e "$file" ] || return 0; done; return 1; }
tries=0
supervised() { ! has_exit && is_same "$supervisor" "$supervisor_start" && is_marked OPTIO_SUPERVISOR_OF "$supervisor"; }
while [ $tries -lt 60 ] && supervised; do pause 0.05; tries=$((tries + 1)); done
if supervised; then
  sh -c "$kill" sh '' "$supervisor:$supervisor_start" 0 '' >/dev/null 2>&1
fi
if [ $result = 0 ] && ! has_exit && [ -d "$dir" ]; then
  mv "$dir/state.run" "$dir/code.137" 2>/dev/null
  for file in "$dir"/code.*; do mv "$file" "$dir/exit.\${file##*.}" 2>/dev/null; done
fi
case $result in
  0) echo confirmed ;;
  1) echo "survivors $report" ;;
  *) echo "unknown $report" ;;
esac
`;

/**
 * Lists the supervised processes of a task directory, `$1`. Prints for each NUL-ended strings: id, record, `running` or not.
 * Everything it reads may have been forged; it says nothing of what does not look like a record.
 */
export const findSupervisedScript: string = `
control=$1/control
${processIdentityFunctions}${markFunction}
read_boot
[ ! -L "$control" ] && [ -d "$control" ] || exit 0
cd "$control" || exit 1
for id in *; do
  [ ! -L "$id" ] && [ -d "$id" ] && [ ! -L "$id/record" ] && [ -f "$id/record" ] || continue
  record=$(head -c 300 "$id/record" | head -n 1)
  set -f; set -- $record; set +f
  case $# in 9) ;; *) continue ;; esac
  run=$2 running=
  case $2 in *[!0-9a-f]*) continue ;; esac
  case $4$5$6$7$8$9 in *[!0-9]*) continue ;; esac
  if [ "$3" = "$boot" ]; then
    if is_same "$6" "$7" && is_marked OPTIO_RUN_ID "$6"; then running=running
    elif is_same "$4" "$5" && is_marked OPTIO_SUPERVISOR_OF "$4"; then running=running
    fi
  fi
  printf '%s\\0' "$id" "$record" "$running"
done
`;

/**
 * Undoes a start whose answer did not come. Prints `gone`, or what is left.
 *
 * `$1` kill script; `$2` task directory; `$3` id; `$4` run id; `$5` `1` when the start itself is known to be over.
 *
 * The mark comes before the kill: whoever passed it before carries the run id by now. Where the start may still be on its way
 * the mark stays, and the start finds its id taken.
 */
export const abandonSupervisedScript: string = `
kill=$1 task=$2 dir=$2/control/$3 run=$4 over=$5
umask 077
[ -d "$task" ] && [ ! -L "$task/control" ] && mkdir -p "$dir/cancelled" 2>/dev/null
report=$(sh -c "$kill" sh "$run" '' 1000 '' 2>&1) || { echo "$report"; exit 0; }
tries=0
while [ $tries -lt 100 ] && [ -n "$(grep -ls "OPTIO_SUPERVISOR_OF=$run" /proc/[0-9]*/environ 2>/dev/null)" ]; do
  sleep 0.05 2>/dev/null || sleep 1
  tries=$((tries + 1))
done
[ -z "$over" ] || [ -L "$task/control" ] || rm -rf "$dir"
echo gone
`;
