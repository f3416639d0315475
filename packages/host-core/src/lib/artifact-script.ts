import { directoryFunctions } from './directory-script.ts';
import { processIdentityFunctions } from './process-identity-script.ts';

/**
 * Holds the lock of an artifact as long as its standard input lasts, and publishes on request. Prints lines: `present`
 * (nothing to do), `wait <pid>`, `stage <path>` (the lock is held), `published`, `locked <pid>`, `refused …`, `failed …`.
 * Reads one line, `publish`; the end of its input, or TERM, means that the artifact is given up: nothing is left then.
 *
 * `$1` directory; `$2` name; `$3` token of this attempt; `$4` how often to look, every 0.2 s, while another one installs.
 *
 * - The lock is a file made by `ln`, which is complete from its first moment: token, pid, start time, boot id of this very
 *   process. So a holder that was killed is known as dead, also after a reboot.
 * - Who takes over from the dead makes `lock~<its token>` in the same way and then looks again who holds it: of several one
 *   succeeds, and nobody ever removes a lock that is not his own.
 * - A holder on another machine that shares the directory looks dead. Then two install at once, each in a stage of its own,
 *   and the one that comes second drops its own.
 * - Stages of this boot are without an owner while this holds the lock; others when they are a day old.
 */
export const artifactScript: string = `
dir=$1 name=$2 token=$3 looks=$4
umask 077
unset CDPATH
say() { printf '%s\\n' "$*"; }
${processIdentityFunctions}${directoryFunctions}
uid=$(id -u)
if [ ! -d "$dir" ]; then error=$(mkdir -p -- "$dir" 2>&1) || { say failed "$error"; exit 0; }; fi
cd -P -- "$dir" 2>/dev/null || { say refused "$dir cannot be entered"; exit 0; }
trusted_path "$PWD" || { say refused "$distrusted can be written by others, or belongs to somebody else"; exit 0; }
look .
case $mode in d???????w*) say refused "$PWD can be written by others"; exit 0 ;; esac
present() {
  [ -e "$name" ] || [ -L "$name" ] || return 1
  if [ -L "$name" ] || [ ! -d "$name" ]; then say refused "$PWD/$name is not a directory"; exit 0; fi
  say present
  exit 0
}
present
read_boot
look_at $$
lock=.lock.$name stage=.stage.$name~\${boot%%-*}~$token
release() {
  find_holder
  if [ "$holder" = "$token" ]; then rm -f "$lock"; rm -f "$lock"~*; fi
  rm -f ".holder.$token"
}
give_up() { trap '' HUP INT TERM; rm -rf "$stage"; release; exit 0; }
read_holder() {
  holder= pid= ticks= origin= rest=
  if [ ! -L "$1" ] && [ -f "$1" ]; then { read -r holder pid ticks origin rest <"$1"; } 2>/dev/null; fi
  case $holder in *[!0-9a-f]*) holder= ;; esac
  case $pid$ticks in *[!0-9]*) pid=0 ;; esac
}
find_holder() {
  read_holder "$lock"
  steps=0
  while [ -n "$holder" ] && [ -f "$lock~$holder" ] && [ $steps -lt 1000 ]; do read_holder "$lock~$holder"; steps=$((steps + 1)); done
}
trap give_up HUP INT TERM
trap '' PIPE
printf '%s\\n' "$token $$ $start $boot" >".holder.$token" && read_holder ".holder.$token"
[ "$holder $pid" = "$token $$" ] || { rm -f ".holder.$token"; say failed "cannot write to $PWD"; exit 0; }
turns=0 vain=0
while :; do
  error=$(ln ".holder.$token" "$lock" 2>&1)
  find_holder
  if [ -n "$holder" ] && [ "$holder" != "$token" ] && ! { [ "$origin" = "$boot" ] && is_same "$pid" "$ticks"; }; then
    former=$holder
    ln ".holder.$token" "$lock~$former" 2>/dev/null
    find_holder
    [ "$holder" = "$token" ] || [ "$(head -c 24 "$lock~$former" 2>/dev/null)" != "$token" ] || rm -f "$lock~$former"
  fi
  [ "$holder" != "$token" ] || break
  if [ -d "$name" ]; then rm -f ".holder.$token"; present; fi
  if [ -z "$holder" ]; then
    # Given back since ln has tried; or ln cannot work here.
    vain=$((vain + 1))
    [ $vain -lt 50 ] || { rm -f ".holder.$token" "$lock~$token"; say failed "$error"; exit 0; }
    continue
  fi
  if [ $turns = 0 ]; then say wait "$pid"; fi
  turns=$((turns + 1))
  if [ $turns -gt "$looks" ]; then rm -f ".holder.$token"; say locked "$pid"; exit 0; fi
  [ $((turns % 25)) != 0 ] || say . || give_up
  pause 0.2
done
if [ -d "$name" ]; then release; present; fi
for other in ".stage.$name~\${boot%%-*}~"*; do [ ! -d "$other" ] || rm -rf "$other"; done
find . \\( -name ".stage.$name~*" -o -name '.holder.*' \\) -prune -mtime +0 -exec rm -rf {} \\; 2>/dev/null
error=$(mkdir "$stage" 2>&1) || { release; say failed "$error"; exit 0; }
say stage "$PWD/$stage" || give_up
read -r order
[ "$order" = publish ] || give_up
trap '' HUP INT TERM
if [ ! -e "$name" ]; then error=$(mv "$stage" "$name" 2>&1); fi
# One that was published meanwhile from another machine: mv went into it.
rm -rf "$stage" "$name/$stage"
release
if [ -d "$name" ]; then say published; else say failed "$error"; fi
`;
