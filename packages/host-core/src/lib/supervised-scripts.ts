import { hereFunction } from './here-script.ts';
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
 * Whoever runs as the same user may have put anything in the place of the records, also links.
 *
 * - `enter_control TASK/control/ID`: changes into it where it lies, with no link below the task directory, which is trusted.
 *   What is the current directory cannot be exchanged any more.
 * - `look_for WORD`: sets `code` to that of a file `WORD.<code>` of the current directory.
 * - `rename FROM TO`: of a file of the current directory, into nothing that is there.
 */
export const controlFunctions: string = `${hereFunction}
enter_control() {
  task=\${1%/*/*}
  cd -P -- "$task" 2>/dev/null || return 1
  set -- "\${PWD%/}\${1#"$task"}"
  cd -P -- "$1" 2>/dev/null && [ "$(here)" = "$1" ]
}
look_for() {
  for file in ./"$1".*; do
    code=\${file##*.}
    case $code in ''|????*|*[!0-9]*) continue ;; esac
    [ ! -f "$file" ] || [ -L "$file" ] || return 0
  done
  return 1
}
rename() { [ -f "./$1" ] && [ ! -L "./$1" ] && [ ! -e "./$2" ] && [ ! -L "./$2" ] && mv "./$1" "./$2" 2>/dev/null; }
complete() { if look_for code; then rename "code.$code" "exit.$code"; fi; }
`;

/**
 * Renews a lease by another name of its file: a rename needs no free disk. Prints `renewed`, `ended`, `unwatched` or `failed`.
 *
 * `$1` directory; `$2` the new name's end; `$3` boot id; then pid and start time of command and watcher.
 */
export const renewLeaseScript: string = `
dir=$1 token=$2 given_boot=$3 command=$4 command_start=$5 watcher=$6 watcher_start=$7
unset CDPATH
${processIdentityFunctions}${controlFunctions}
read_boot
[ "$boot" = "$given_boot" ] || { echo ended; exit 0; }
enter_control "$dir" || { echo failed; exit 0; }
if look_for exit; then echo ended; exit 0; fi
for file in ./lease.*; do
  if rename "\${file#./}" "lease.$token"; then break; fi
done
[ -f "./lease.$token" ] || { echo failed; exit 0; }
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
unset CDPATH
${processIdentityFunctions}${markFunction}${controlFunctions}
read_boot
# Nothing of another boot is alive, but that it is of another boot is the record's word: the run id is looked for all the same.
if [ "$boot" != "$given_boot" ]; then command=0 supervisor=0 trusted=; fi
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
here=
if enter_control "$dir"; then here=1; fi
has_exit() { [ -n "$here" ] && look_for exit; }
tries=0
supervised() { ! has_exit && is_same "$supervisor" "$supervisor_start" && is_marked OPTIO_SUPERVISOR_OF "$supervisor"; }
while [ $tries -lt 60 ] && supervised; do pause 0.05; tries=$((tries + 1)); done
if supervised; then
  sh -c "$kill" sh '' "$supervisor:$supervisor_start" 0 '' >/dev/null 2>&1
fi
if [ $result = 0 ] && [ -n "$here" ] && ! has_exit; then
  rename state.run code.137
  complete
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
unset CDPATH
${processIdentityFunctions}${markFunction}${hereFunction}
read_boot
cd -P -- "$1" || exit 1
control=\${PWD%/}/control
[ ! -L ./control ] && [ -d ./control ] || exit 0
cd -P ./control && [ "$(here)" = "$control" ] || exit 1
for id in *; do
  cd -P "$control" && [ "$(here)" = "$control" ] || exit 1
  [ ! -L "./$id" ] && [ -d "./$id" ] && cd -P "./$id" && [ "$(here)" = "$control/$id" ] || continue
  [ ! -L ./record ] && [ -f ./record ] || continue
  record=$(head -c 300 ./record | head -n 1)
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
kill=$1 task=$2 id=$3 run=$4 over=$5
unset CDPATH
umask 077
${hereFunction}
here=
if cd -P -- "$task" 2>/dev/null; then
  task=\${PWD%/}
  mkdir ./control 2>/dev/null
  if [ ! -L ./control ] && cd -P ./control 2>/dev/null && [ "$(here)" = "$task/control" ]; then
    mkdir "./$id" 2>/dev/null
    if cd -P "./$id" 2>/dev/null && [ "$(here)" = "$task/control/$id" ]; then mkdir ./cancelled 2>/dev/null; fi
    if cd -P "$task/control" 2>/dev/null && [ "$(here)" = "$task/control" ]; then here=1; fi
  fi
fi
report=$(sh -c "$kill" sh "$run" '' 1000 '' 2>&1) || { echo "$report"; exit 0; }
tries=0
while [ $tries -lt 100 ] && [ -n "$(grep -ls "OPTIO_SUPERVISOR_OF=$run" /proc/[0-9]*/environ 2>/dev/null)" ]; do
  sleep 0.05 2>/dev/null || sleep 1
  tries=$((tries + 1))
done
[ -z "$over" ] || [ -z "$here" ] || rm -rf "./$id"
echo gone
`;
