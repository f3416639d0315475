/**
 * Shell functions that judge directories. `ls -ldn` is the one portable way to see owner and mode.
 *
 * `trusted DIRECTORY`: nobody else can put something in its place or into it. True for a directory of root's or ours that
 * others cannot write. Writable by the group is fine where the group is the user's own, as on systems with umask 002. A
 * sticky directory of root's is fine too: nobody can replace there what is ours. `trusted_path` asks that of an absolute
 * directory without links and all above it; `distrusted` is the first that is not. Both need `uid`.
 */
export const directoryFunctions = `
look() { set -f; set -- $(ls -ldn "$1/." 2>/dev/null); set +f; mode=$1 owner=$3 group=$4; }
trusted() {
  look "$1"
  [ "$owner" = 0 ] || [ "$owner" = "$uid" ] || return 1
  case $mode in
    d????????t*|d????????T*) [ "$owner" = 0 ] && return 0 ;;
  esac
  case $mode in d???????w*|d????w????+*) return 1 ;; esac
  case $mode in d????w*) [ "$group" = 0 ] || { [ "$group" = "$(id -g)" ] && [ "$(id -gn)" = "$(id -un)" ]; } || return 1 ;; esac
  return 0
}
trusted_path() {
  above=$1
  while :; do
    trusted "\${above:-/}" || { distrusted=\${above:-/}; return 1; }
    [ -n "$above" ] || return 0
    above=\${above%/*}
  done
}
`;
