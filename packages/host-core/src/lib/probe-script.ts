/**
 * Asks a machine everything at once. Prints pairs of NUL-ended strings, a name and a value, so that a value may hold any
 * byte; `end` comes last, so that a cut answer cannot be taken for a whole one.
 *
 * Parameters: the count of variable names, then these; the count of tool names, then these; the rest is the command that
 * tries confinement.
 *
 * - Tools are looked for by hand: `command -v` answers with builtins and, in busybox, with applets that have no file.
 * - Variables are read by `eval`, and therefore only names that are identifiers are looked at.
 */
export const probeScript = `
say() { printf '%s\\0' "$1" "$2"; }
count=$1; shift
while [ "$count" -gt 0 ]; do
  count=$((count - 1))
  case $1 in
    ''|[0-9]*|*[!A-Za-z0-9_]*) ;;
    *) eval "[ -z \\"\\\${$1+x}\\" ] || say \\"env.$1\\" \\"\\$$1\\"" ;;
  esac
  shift
done
say path "$PATH"
count=$1; shift
IFS=: ; set -f
while [ "$count" -gt 0 ]; do
  count=$((count - 1))
  for directory in $PATH; do
    case $directory in /*) ;; *) continue ;; esac
    if [ -f "$directory/$1" ] && [ -x "$directory/$1" ]; then say "tool.$1" "$directory/$1"; break; fi
  done
  shift
done
unset IFS; set +f
LC_ALL=C; export LC_ALL
say system "$(uname -s)"
say machine "$(uname -m)"
say bits "$(getconf LONG_BIT 2>/dev/null)"
say uid "$(id -u)"
say user "$(id -un 2>/dev/null)"
home=$HOME
case $home in
  /*) ;;
  *) home=$(awk -F: -v uid="$(id -u)" '$3 == uid { print $6; exit }' /etc/passwd 2>/dev/null) ;;
esac
say home "$home"
case $(uname -s) in
  Linux)
    say libc.getconf "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
    say libc.ldd "$(ldd --version 2>&1 | head -n 2)"
    for file in /lib/ld-musl-*.so.1; do [ ! -e "$file" ] || say libc.musl "$file"; done
    for file in /lib64/ld-linux-*.so.2 /lib/ld-linux-*.so.1; do [ ! -e "$file" ] || say libc.glibc "$file"; done
    if grep -qw avx2 /proc/cpuinfo 2>/dev/null; then say avx2 1; fi
    ;;
  Darwin)
    if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then say translated 1; fi
    if [ "$(sysctl -n hw.optional.avx2_0 2>/dev/null)" = 1 ]; then say avx2 1; fi
    ;;
esac
case $XDG_STATE_HOME in /*) directory=$XDG_STATE_HOME ;; *) directory=$home/.local/state ;; esac
while [ -n "$directory" ] && [ ! -d "$directory" ]; do directory=\${directory%/*}; done
say disk "$(df -Pk "\${directory:-/}" 2>/dev/null)"
if "$@" </dev/null >/dev/null 2>&1; then say confine 1; fi
say end ''
`;
