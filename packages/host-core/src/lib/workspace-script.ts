import { directoryFunctions } from './directory-script.ts';
import { hereFunction } from './here-script.ts';

/**
 * The lock of a task directory, in its `control`, where this runs. `owner` holds the run id of the first owner, `next.<run
 * id>` the one that took over from that run: each is made by `ln`, which fails when there is one and makes a complete file.
 * So of several that replace a dead run exactly one succeeds, and one that dies in the middle leaves nothing half done.
 */
const holderFunctions = `
read_run() {
  holder=
  if [ ! -L "$1" ] && [ -f "$1" ]; then
    holder=$(head -c 100 "$1" | head -n 1)
    case $holder in ''|*[!0-9a-f]*) holder=unknown ;; esac
  fi
}
find_holder() {
  read_run owner
  steps=0
  while [ -n "$holder" ] && [ -f "next.$holder" ] && [ $steps -lt 1000 ]; do read_run "next.$holder"; steps=$((steps + 1)); done
}
`;

/** `remove PATH`: recursively, also what its owner has locked. Says why not in `error`. */
const removeFunction = `
remove() {
  rm -rf -- "$1" 2>/dev/null && return 0
  # Directories without rwx: find opens each before it goes into it.
  find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \\; 2>/dev/null
  error=$(rm -rf -- "$1" 2>&1)
}
`;

/**
 * Makes or takes a task directory. Prints NUL-ended strings: a word, then what belongs to it.
 *
 * `$1` task root, empty for the default; `$2` consumer; `$3` task id; `$4` `empty`, `keep`, or `undo` for what a call before has
 * done; `$5` run id; `$6` run id of the owner that may be replaced, or empty; `$7` identifies this call.
 *
 * - The root is made with its parents, entered, and from then on called by the name the kernel gives it: no link in it counts.
 * - A directory that others could write to is refused rather than repaired: something may lie in it already.
 */
export const openWorkspaceScript: string = `
root=$1 consumer=$2 task=$3 fresh=$4 run=$5 former=$6 attempt=$7
say() { printf '%s\\0' "$@"; }
end() { say "$@"; exit 0; }
${directoryFunctions}${hereFunction}${holderFunctions}
umask 077
unset CDPATH
uid=$(id -u)
if [ -z "$root" ]; then
  case $XDG_STATE_HOME in
    /*) root=$XDG_STATE_HOME/$consumer ;;
    *) case $HOME in /*) root=$HOME/.local/state/$consumer ;; *) end refused 'HOME is not set to an absolute path' ;; esac ;;
  esac
fi
error=$(mkdir -p -- "$root" 2>&1) || end failed "$error"
cd -P -- "$root" 2>/dev/null || end refused "$root cannot be entered"
root=$(pwd -P)
[ "$root" != / ] || end refused 'the root directory cannot hold tasks'
trusted_path "$root" || end refused "$distrusted can be written by others, or belongs to somebody else"
look .
[ "$owner" = "$uid" ] || end refused "$root belongs to somebody else"
# Steps down, without a link: what was entered cannot be exchanged any more.
step() {
  at=$at/$1
  cd -P "./$1" 2>/dev/null && [ "$(here)" = "$at" ] || end refused "$at is a link, or cannot be entered"
}
# A directory of the current one is made, or is ours; then it is the current one.
own() {
  if [ -L "./$1" ]; then end refused "$at/$1 is a link"; fi
  if [ -e "./$1" ]; then
    [ -d "./$1" ] || end refused "$at/$1 is not a directory"
    step "$1"
    look .
    [ "$owner" = "$uid" ] || end refused "$at belongs to somebody else"
    case $mode in drwx------*) ;; *) error=$(chmod 700 . 2>&1) || end failed "$error" ;; esac
  else
    error=$(mkdir "./$1" 2>&1) || [ -d "./$1" ] || end failed "$error"
    step "$1"
  fi
}
at=$root
if [ "$fresh" = undo ]; then
  if [ -L "./$task" ] || [ -L "./$task/control" ]; then end ok; fi
  cd -P "./$task/control" 2>/dev/null || { rmdir "./$task" 2>/dev/null; end ok; }
  [ "$(here)" = "$root/$task/control" ] || end ok
  for file in owner next.*; do
    # The second line: what the run held before this call it keeps.
    if [ ! -L "$file" ] && [ -f "$file" ] && [ "$(head -c 200 "$file" | sed -n 2p)" = "$attempt" ]; then rm -f "$file"; fi
  done
  rm -f "owner.$run" "opening.$run"
  ( cd -P ../workdir && [ "$(here)" = "$root/$task/workdir" ] && rmdir ./home ) 2>/dev/null
  cd -P .. && [ "$(here)" = "$root/$task" ] && rmdir workdir tmp control "$root/$task" 2>/dev/null
  end ok
fi
own "$task"
own control
printf '%s\\n' "$run" "$attempt" >"owner.$run" 2>/dev/null
back=; read -r back <"owner.$run"
[ "$back" = "$run" ] || { rm -f "owner.$run"; end failed "cannot write to $root/$task/control"; }
find_holder
tries=0
# Again when it was given back between two looks.
while [ $tries -lt 20 ] && { [ -z "$holder" ] || { [ -n "$former" ] && [ "$holder" = "$former" ]; }; }; do
  if [ -z "$holder" ]; then next=owner; else next=next.$holder; fi
  error=$(ln "owner.$run" "$next" 2>&1)
  find_holder
  tries=$((tries + 1))
done
rm -f "owner.$run"
[ -n "$holder" ] || end failed "\${error:-cannot make $root/$task/control/owner}"
[ "$holder" = "$run" ] || end held "$holder" "$root/$task"
if [ "$fresh" = empty ]; then
  # Says which call of this run came last: one whose answer was lost on the way may still be at work.
  rm -f "opening.$run"
  ( set -C; printf '%s\\n' "$attempt" >"opening.$run" ) 2>/dev/null
fi
cd -P .. && [ "$(here)" = "$root/$task" ] || end refused "$root/$task is not what it was"
${removeFunction}
if [ "$fresh" = empty ]; then
  for name in ./* ./.*; do
    case $name in ./.|./..|./control) continue ;; esac
    [ -e "$name" ] || [ -L "$name" ] || continue
    [ "$(head -c 100 "./control/opening.$run" 2>/dev/null)" = "$attempt" ] || end failed "$root/$task is emptied by another call of this run"
    # Out of the way first: what another call makes in its place must not go with it.
    if mv "$name" "./.removed.$attempt" 2>/dev/null; then name=./.removed.$attempt; fi
    remove "$name" || end failed "$error"
  done
  # The mark of a call that came later is that one's.
  if [ "$(head -c 100 "./control/opening.$run" 2>/dev/null)" = "$attempt" ]; then rm -f "./control/opening.$run"; fi
fi
at=$root/$task
own tmp
at=$root/$task
cd -P .. && [ "$(here)" = "$at" ] || end refused "$at is not what it was"
own workdir
own home
end ok "$root"
`;

/**
 * Removes a task directory, `control` last, so that a removal that was cut short can be repeated by its owner. Prints as
 * above. `$1` task root, as the kernel calls it; `$2` task id; `$3` run id; `$4` `all`, or `lock` to give up the lock alone.
 */
export const closeWorkspaceScript: string = `
root=$1 task=$2 run=$3 what=$4
say() { printf '%s\\0' "$@"; }
end() { say "$@"; exit 0; }
unset CDPATH
${hereFunction}
[ -d "$root" ] || end ok
cd -P -- "$root" 2>/dev/null && [ "$(here)" = "$root" ] || end refused "$root is not what it was"
if [ -L "./$task" ]; then end refused "$root/$task is a link"; fi
[ -d "./$task" ] || end ok
cd -P "./$task" && [ "$(here)" = "$root/$task" ] || end refused "$root/$task is not what it was"
${holderFunctions}
holder=
if [ ! -L control ] && [ -d control ]; then
  cd -P control && [ "$(here)" = "$root/$task/control" ] || end refused "$root/$task/control is not what it was"
  find_holder
  [ -z "$holder" ] || [ "$holder" = "$run" ] || end held "$holder" "$root/$task"
  if [ "$what" = lock ]; then
    error=$(rm -f owner next.* 2>&1) || end failed "$error"
    end ok
  fi
  cd -P .. && [ "$(here)" = "$root/$task" ] || end refused "$root/$task is not what it was"
fi
[ "$what" != lock ] || end ok
${removeFunction}
for name in ./* ./.*; do
  case $name in ./.|./..|./control) continue ;; esac
  [ -e "$name" ] || [ -L "$name" ] || continue
  remove "$name" || end failed "$error"
done
# The name is free at once; what is left of the directory holds nothing but its control.
cd -P "$root" && error=$(mv "./$task" "./.removed.$run" 2>&1) && remove "./.removed.$run" || end failed "$error"
end ok
`;
