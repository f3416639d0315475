import type { Command } from './host.ts';
import { RUN_ID_VARIABLE } from './run-id.ts';
import { shellScript } from './script.ts';

/** A process whose tree is to be ended. */
export interface KillRoot {
  readonly pid: number;
  /**
   * What must be true of the pid before anything of its tree is signalled: its start time (field 22 of `/proc/<pid>/stat`,
   * in clock ticks), or `'gone'` for a process that was reaped: then its group counts only while nobody has taken its pid.
   * Absent: the pid is trusted as it is. Not checked on macOS.
   */
  readonly startTime?: string;
}

/** What `killCommand` ends. */
export interface KillTarget {
  /**
   * Everything whose environment holds this run id, or one that starts with it. Hex digits.
   * @default no look at environments
   */
  readonly runId?: string;
  /** Each with its process group, its session and all its descendants. @default none */
  readonly roots?: readonly KillRoot[];
  /** Milliseconds between TERM and KILL; 0 sends KILL at once. @default 2000 */
  readonly graceMs?: number;
  /** Pids to leave alone with all their descendants. The killing command itself always is. @default none */
  readonly spare?: readonly number[];
}

/** How `killCommand` ended. */
export const killExitCodes: { readonly confirmed: 0; readonly survivors: 1; readonly unknown: 2 } = {
  /** Nothing that belongs to the target is alive; two scans in a row found nothing. */
  confirmed: 0,
  /** Something survived; stdout has a line `<pid> <name>` for each, the name made harmless. */
  survivors: 1,
  /** The processes could not be listed, so nothing is known. */
  unknown: 2,
};

/**
 * Makes the command that ends a tree on the machine it runs on and confirms it: TERM to all that is found, once more after
 * half of the grace, KILL after all of it, until two scans in a row find nothing. What only appears during the grace is spared TERM as long as its parent is
 * there: it is what a process starts to clean up behind itself. What is found, in each scan: the roots, their
 * process groups and sessions, all that carries the run id in its environment, and the descendants of all these. A root
 * whose identity does not match is dropped before the first signal. Zombies do not count.
 *
 * Run it apart from what it ends, with an environment that does not hold the run id. Takes about 60 ms plus the time the
 * tree needs; at most `graceMs` and about 6 s. See `killExitCodes` for what its exit code says.
 */
export function killCommand(target: KillTarget): Command {
  const { runId = '', roots = [], graceMs = 2000, spare = [] } = target;
  if (!/^[0-9a-f]*$/.test(runId)) throw new TypeError('A run id must consist of hex digits');
  const rootWords = roots.map(({ pid, startTime }) => {
    checkPid(pid);
    if (startTime === undefined) return String(pid);
    if (!/^(?:\d+|gone)$/.test(startTime)) throw new TypeError('A start time must be a number of ticks');
    return `${pid}:${startTime}`;
  });
  for (const pid of spare) checkPid(pid);
  const grace = String(Math.max(0, Math.ceil(graceMs)));
  return shellScript(killScript, runId, rootWords.join(' '), grace, spare.join(' '));
}

function checkPid(pid: number): void {
  if (!Number.isInteger(pid) || pid <= 1) throw new TypeError('A pid to kill must be an integer above 1');
}

/**
 * The script behind `killCommand`, for whoever passes its text on; constant, for any POSIX shell with grep, awk and sleep (busybox has them).
 *
 * - `$1` run id or the start of one, may be empty. `$2` roots, `pid` or `pid:start` or `pid:gone`. `$3` grace in ms.
 *   `$4` pids to spare.
 * - `grep -s '' files` prefixes every line with its file, and so a process that gives itself a name with line breaks and
 *   brackets cannot forge another one's entry. It also lives with files that vanish, as awk on its own does not.
 * - `grep -ls` is one pass over all environments; with -F busybox stops at the first NUL.
 * - A scan that does not find the script itself is no scan: a missing tool must not read as "nothing is left".
 * - `kill` without a group: the passes catch what a fork adds meanwhile, and no group can be hit that is not ours.
 * - CONT after TERM: a stopped process has to run to see its TERM.
 * - TERM once more at half of the grace: one that comes between fork and exec of a shell that has a trap is lost.
 */
export const killScript: string = `
export LC_ALL=C PATH="$PATH:/usr/bin:/bin"
unset IFS
run=$1 roots=$2 grace=$3 spare="$$ $4" first=1
table() {
  if [ -r /proc/self/stat ]; then grep -s '' /proc/[0-9]*/stat
  else ps -axo pid=,ppid=,pgid=,sess=,state=,comm= | awk '{ print "/p/" $1 "/s:" $1 " (" $6 ") " $5 " " $2 " " $3 " " $4 }'
  fi
}
marked() {
  [ -n "$run" ] || return 0
  if [ -r /proc/self/stat ]; then grep -ls "${RUN_ID_VARIABLE}=$run" /proc/[0-9]*/environ
  else ps -axEww -o pid=,command= | grep "${RUN_ID_VARIABLE}=$run" | awk '{ print "/p/" $1 }'
  fi
}
scan() {
  marks=$(marked)
  found= pairs= kept= names= seen=
  listed=$(table | awk -v self="$$" -v first="$first" -v roots="$roots" -v spare="$spare" -v marks="$(echo $marks)" '
  {
    n = index($0, ":"); split(substr($0, 1, n), path, "/"); p = path[3]
    text[p] = (p in text ? text[p] " " : "") substr($0, n + 1)
  }
  END {
    for (p in text) {
      s = text[p]; name[p] = s; sub(/^[^(]*\\(/, "", name[p]); sub(/\\) .*$/, "", name[p])
      gsub(/[^A-Za-z0-9._+-]/, "?", name[p]); sub(/^.*\\) /, "", s); split(s, f, " ")
      state[p] = f[1]; parent[p] = f[2]; group[p] = f[3]; session[p] = f[4]; start[p] = f[20]
    }
    if (self in text) print "seen"
    n = split(roots, list, " ")
    for (i = 1; i <= n; i++) {
      split(list[i] ":", r, ":"); p = r[1]; here = (p in text)
      if (r[2] == "" || (here && (start[p] == r[2] || start[p] == "")) || (!here && (r[2] == "gone" || !first))) {
        print "root", list[i]; root[p] = 1; hit[p] = 1
      }
    }
    n = split(marks, list, " ")
    for (i = 1; i <= n; i++) { split(list[i], path, "/"); if (path[3] > 1) hit[path[3]] = 1 }
    n = split(spare, list, " ")
    for (i = 1; i <= n; i++) safe[list[i]] = 1
    for (p in text) if ((group[p] in root) || (session[p] in root)) hit[p] = 1
    do {
      more = 0
      for (p in text) {
        if (!(p in hit) && (parent[p] in hit)) { hit[p] = 1; more = 1 }
        if (!(p in safe) && (parent[p] in safe)) { safe[p] = 1; more = 1 }
      }
    } while (more)
    for (p in hit) if ((p in text) && !(p in safe) && p + 0 > 1 && state[p] !~ /^[ZX]/) print "hit", p, parent[p], name[p]
  }')
  while read -r kind pid parent name; do
    case $kind in
      seen) seen=1 ;;
      root) kept="$kept $pid" ;;
      hit) found="$found $pid" pairs="$pairs $pid:$parent" names="$names$pid $name
" ;;
    esac
  done <<END
$listed
END
  [ -n "$seen" ] || { echo "cannot list processes" >&2; exit ${killExitCodes.unknown}; }
  roots=$kept first=
}
pause() {
  sleep "0.0$1" 2>/dev/null || { sleep 1; return 1; }
}
empty=0 termed=' ' later= again=$((grace / 2)) wait=2 passes=100
while :; do
  scan
  if [ -z "$found" ]; then
    empty=$((empty + 1))
    [ $empty -lt 2 ] || exit ${killExitCodes.confirmed}
    continue
  fi
  empty=0
  if [ "$grace" -gt 0 ]; then
    if [ "$grace" -le "$again" ]; then termed=' ' later= again=0; fi
    for pair in $pairs; do
      pid=\${pair%:*}
      case $termed in *" $pid "*) continue ;; esac
      if [ -n "$later" ]; then case "$found " in *" \${pair#*:} "*) continue ;; esac; fi
      kill -TERM "$pid" 2>/dev/null && kill -CONT "$pid" 2>/dev/null
      termed="$termed$pid "
    done
    later=1
    if pause $wait; then grace=$((grace - wait * 10 - 10)); else grace=$((grace - 1000)); fi
    [ $wait -ge 5 ] || wait=$((wait + 1))
  else
    [ $passes -gt 0 ] || { printf %s "$names"; exit ${killExitCodes.survivors}; }
    passes=$((passes - 1))
    kill -KILL $found 2>/dev/null
    pause $wait || passes=$((passes - 19))
    [ $wait -ge 5 ] || wait=$((wait + 1))
  fi
done
`;
