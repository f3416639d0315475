/**
 * Shell functions that judge a directory of the cache, in the current directory.
 *
 * `is_running NAME`, after `read_running`: some process runs the program in it, by the link to its executable or by its first words: of other
 * users' processes only the latter can be read. Directory and name are never in one word of our own commands.
 * `is_recent NAME`: it was asked for within the hour; also when `find` cannot tell. `is_plain NAME`: an own directory with
 * nothing in it but a program and its version.
 */
const functions = `
read_running() {
  if [ -r /proc/self/stat ]; then
    running=$(ls -l /proc/[0-9]*/exe 2>/dev/null; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n')
  else
    running=$(ps -axo args= 2>/dev/null)
  fi
}
is_running() { case $running in *"$here/$1/opencode"*) return 0 ;; esac; return 1; }
is_recent() {
  found=$(find "./$1" -prune -mmin -60 2>/dev/null) || return 0
  [ -n "$found" ]
}
is_plain() {
  [ -d "./$1" ] && [ ! -L "./$1" ] && [ -O "./$1" ] && [ -f "./$1/opencode" ] || return 1
  for member in "./$1"/* "./$1"/.[!.]* "./$1"/..?*; do
    [ -e "$member" ] || [ -L "$member" ] || continue
    case \${member##*/} in opencode | version) [ -f "$member" ] && [ ! -L "$member" ] || return 1 ;; *) return 1 ;; esac
  done
}
unset CDPATH
cd -P -- "$1" 2>/dev/null || exit 0
here=$(pwd -P)
`;

/** Lists the programs in `$1` by their last use, the latest first: name, KiB, whether it is held. */
export const listScript: string = `${functions}
read_running
ls -1t . | while IFS= read -r name; do
  case $name in ''|*[!A-Za-z0-9._-]*|-*) continue ;; esac
  [ -f "./$name/opencode" ] || continue
  set -- $(du -sk "./$name" 2>/dev/null)
  state=held
  if is_plain "$name" && ! is_recent "$name" && ! is_running "$name"; then state=free; fi
  printf '%s %s %s\\n' "$name" "\${1:-0}" "$state"
done
`;

/**
 * Removes programs from `$1` and prints their names; `$2` is a token, the rest are names. Each is moved out of the way and
 * looked at again: who asked for it meanwhile has left a mark, and gets it back.
 */
export const evictScript: string = `${functions}
token=$2
shift 2
find . -name '.evicted.*' -prune -mtime +0 -exec rm -rf {} \\; 2>/dev/null
read_running
for name do
  is_plain "$name" && ! is_recent "$name" && ! is_running "$name" || continue
  away=.evicted.$name~$token
  mv -- "./$name" "./$away" || exit 1
  if is_plain "$away" && ! is_recent "$away"; then
    rm -f "./$away/opencode" "./$away/version" && rmdir "./$away" || exit 1
    printf '%s\\n' "$name"
  else
    [ -e "./$name" ] || mv -- "./$away" "./$name"
  fi
done
`;
