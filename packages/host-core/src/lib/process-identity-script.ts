/**
 * Shell functions by which a process is known again.
 *
 * `look_at PID` sets `start` (field 22 of its stat: ticks since boot), `session` and `started_by`, and fails when there is
 * no such process; a zombie is none. `look_at_self` sets `self`, too. `is_same PID START` says whether that process is still there. Pids are used again, so
 * a pid alone says nothing.
 *
 * Where there is no /proc (macOS) every start time is 0, and the pid has to do.
 */
export const processIdentityFunctions = `
look_at() {
  start= session= started_by=
  if [ -r /proc/self/stat ]; then
    { read -r stat </proc/"$1"/stat; } 2>/dev/null || return 1
    set -f; set -- \${stat##*) }; set +f
    case $1 in Z|X|x) return 1 ;; esac
    started_by=$2 session=$4 start=\${20}
    [ -n "$start" ]
  else
    case $(ps -o stat= -p "$1" 2>/dev/null) in ''|Z*) return 1 ;; esac
    start=0 session=$1
  fi
}
is_same() { look_at "$1" && [ "$start" = "$2" ]; }
# Of the shell that runs this, also when that is a subshell: $$ is the pid of the outermost one.
look_at_self() {
  self=
  if { read -r self rest </proc/self/stat; } 2>/dev/null; then :; else self=$(sh -c 'echo $PPID'); fi
  look_at "$self"
}
read_boot() { boot=-; { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null; }
pause() { sleep "$1" 2>/dev/null || sleep 1; }
`;
