import { controlFunctions } from './supervised-scripts.ts';

/**
 * Runs the command in the session that the supervisor has made for it and records its exit code in the name of a file: a
 * rename needs no free disk. Parameters: the directory, the record, the working directory, the umask, `all` or `some`, the
 * globs and the names that are kept (one per line), the command.
 *
 * - A glob that begins with `!` takes names away again, whatever its place.
 * - `exec` in a subshell: the command is a program, never a builtin or a function, and finds the default signals.
 * - A name that no shell variable can have (bash exports functions under such) is taken away by \`env -u\`: only names are in
 *   that argv. The lines of a value that look like variables do no harm: they are judged by their name like any other.
 */
export const supervisedCommandScript: string = `
unset OPTIO_WRAP
dir=$1 record=$2 cwd=$3 mask=$4 mode=$5 keep=$6 given=$7
shift 7
${controlFunctions}
# Fails, and ends this, when nobody waits for the answer any more.
printf 'ok %s\\n' "$record" || exit 1
[ ! -e "$dir/cancelled" ] || exit 1
[ -p "$dir/pipe" ] && [ ! -L "$dir/pipe" ] || exit 1
exec >"$dir/pipe" 2>&1
trap : HUP INT QUIT TERM
newline='
'
is_kept() {
  [ "$1" != OPTIO_RUN_ID ] || return 0
  for given_name in $given; do [ "$1" != "$given_name" ] || return 0; done
  kept=1
  for glob in $keep; do
    case $glob in
      !*) glob=\${glob#!}; case $1 in $glob) return 1 ;; esac ;;
      *) case $1 in $glob) kept=0 ;; esac ;;
    esac
  done
  return $kept
}
clean() {
  odd=
  IFS=$newline
  set -f
  for name in $(env | sed -n 's/^\\([^=][^=]*\\)=.*/\\1/p'); do
    is_kept "$name" && continue
    case $name in
      [0-9]*|*[!A-Za-z0-9_]*) odd=$odd$newline$name ;;
      *) command unset "$name" 2>/dev/null || odd=$odd$newline$name ;;
    esac
  done
}
(
  umask "$mask"
  cd -- "$cwd" || exit 127
  if [ "$mode" = some ]; then
    env_program=$(command -v env)
    clean
    for name in $odd; do set -- -u "$name" "$@"; done
    [ -z "$odd" ] || set -- "$env_program" "$@"
    unset IFS
  fi
  exec "$@"
)
code=$?
( enter_control "$dir" && rename state.run "code.$code" )
exit $code
`;
