import { processIdentityFunctions } from './process-identity-script.ts';
import { controlFunctions } from './supervised-scripts.ts';

/**
 * Looks at growing files and at processes, each time it is asked to, and says what is new. Reads orders, one per line; its
 * end of input is its end. Prints frames: a line, and for `F` the bytes it announces.
 *
 * Orders:
 * - `f <id> <offset>`, then a line with a directory, one with a name, and one with a trusted directory above it or none: a
 *   file, of which so many bytes were read. Again for a known id: begin anew there.
 * - `p <id> <boot id>` with pid and start time of supervisor, command and watcher, then a line with the directory: a
 *   supervised process.
 * - `l <id>…`: one look at each of these; `l` alone: at the same as last time. `d <id>`: forget it.
 *
 * Frames:
 * - `F <id> <size> <start> <length>`: bytes from there on, and zeros up to a whole number of blocks of 512. They begin a
 *   little before what is new, so that the reader on the other side can see whether the file is still the one that it has
 *   read. At most one for a file and a look.
 * - `T <id>`: the file is shorter than what was read of it.
 * - `S <id>`: a look after what was sent has found the file as it was. Once for each change.
 * - `X <id> <code> <itself|lease>` or `X <id> lost`: how a process has ended.
 * - `E`: the look is over.
 *
 * `$1` bytes to repeat; `$2` most bytes of a frame, a whole number of blocks.
 *
 * - One `stat` for all files is the only fork of a look that finds nothing; one `readlink` for up to six files that have
 *   changed and a `dd` for each are those of one that does. Forks are what a hundred sessions on a host are slow by.
 * - What `stat` says goes by the whole path and may have been led elsewhere; so it is only a reason to read, and how much to
 *   say of what is then opened in the directory itself.
 * - Every change of size, time or file makes a frame, also one that adds nothing: the file may have been rewritten.
 * - A frame has exactly the length it announces: zeros fill it up when the file shrinks meanwhile, and the next look, which
 *   sees the change, shows that they were none of it. `dd` says itself how much it has found.
 * - The file's owner is not trusted: no link is followed. What was opened is asked from the kernel, after the opening.
 * - Where the directory is: given a trusted one, where it lies below that; otherwise wherever it was found first.
 * - Names that somebody else chose are never printed: one with a line break would be a frame of another file.
 * - A process whose supervisor was itself at the last thorough look is looked at without a fork for the next 10 to 30: whether
 *   its pid is there, and no record of an end. Both may be wrong, and only put off what the next thorough look finds. How many
 *   differs from one to the next: a hundred processes that began together would otherwise have their forks in one look, and
 *   the files of that look would wait for all of them.
 * - Who of a process is alive is looked up before its records are: who is gone by then has written all that he ever will.
 */
export const followScript: string = `
overlap=$1 most=$2 asked= known= turn=0
unset CDPATH
exec 9>&1
ifs=$IFS
newline='
'
${processIdentityFunctions}${controlFunctions}
read_boot
if stat -c %i / >/dev/null 2>&1; then flag=-c format='%i %s %y'; else flag=-f format='%i %z %Fm'; fi
enter() {
  if [ -n "$beneath" ]; then
    cd -P -- "$beneath" 2>/dev/null || return 1
    home=$PWD\${dir#"$beneath"}
  fi
  cd -P -- "$dir" 2>/dev/null || return 1
  [ -n "$home" ] || { home=$PWD; eval "home_$id=\\$home"; }
  [ "$PWD" = "$home" ]
}
open_files() {
  fd=3 opened= links= places=
  for id; do
    eval "dir=\\$dir_$id name=\\$name_$id beneath=\\$beneath_$id home=\\$home_$id"
    enter && [ ! -L "./$name" ] && [ -f "./$name" ] || continue
    eval "{ command exec $fd<\\"./\\$name\\"; } 2>/dev/null" || continue
    eval "place_of_$fd=\\\${PWD%/}/\\$name"
    opened="$opened $fd:$id" links="$links /proc/$$/fd/$fd" places="$places\${places:+$newline}\${PWD%/}/$name"
    fd=$((fd + 1))
  done
}
is_ours() { eval "[ \\"\\$(readlink /proc/$$/fd/$fd)\\" = \\"\\$place_of_$fd\\" ]"; }
send_files() {
  open_files "$@"
  [ -n "$opened" ] || return 0
  are_ours=
  if [ ! -r /proc/self/fd ]; then are_ours=1
  elif found=$(readlink $links 2>/dev/null) && [ "$found" = "$places" ]; then are_ours=1; fi
  for pair in $opened; do
    fd=\${pair%:*} id=\${pair#*:}
    if [ -n "$are_ours" ] || is_ours; then send; fi
  done
  exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&-
}
send() {
  eval "offset=\\$offset_$id hint=\\$hint_$id"
  set -- $hint
  size=$2
  if [ "$size" -lt "$offset" ]; then echo "T $id" || exit 1; return; fi
  start=$((offset > overlap ? (offset - overlap) / 512 * 512 : 0))
  length=$((size - start))
  if [ "$length" -gt "$most" ]; then length=$most; else eval "seen_$id=\\$hint"; fi
  count=$(((length + 511) / 512))
  printf 'F %s %s %s %s\\n' "$id" "$size" $start $length || exit 1
  if [ $count -gt 0 ]; then
    report=$(dd ibs=512 obs=65536 skip=$((start / 512)) count=$count conv=sync <&$fd 2>&1 >&9)
    whole=\${report%%+*} part=\${report#*+}
    part=\${part%%[!0-9]*}
    case $whole$part in *[!0-9]*) exit 1 ;; esac
    count=$((count - \${whole:-0} - \${part:-0}))
    if [ $count -gt 0 ]; then head -c $((count * 512)) /dev/zero || exit 1; fi
  fi
  eval "told_$id= offset_$id=$((start + length))"
}
is_noted() {
  set -- "$1"/exit.*
  [ -e "$1" ]
}
look_at_process() {
  eval "dir=\\$dir_$id calm=\\$calm_$id; set -- \\$who_$id"
  if [ "$calm" -gt 0 ] && kill -0 "$2" 2>/dev/null && ! is_noted "$dir"; then
    eval "calm_$id=$((calm - 1))"
    return
  fi
  lives= here= ended=itself
  if [ "$1" = "$boot" ]; then
    if is_same "$2" "$3"; then
      lives=1
      turn=$(((turn + 1) % 21))
      eval "calm_$id=$((10 + turn))"
    elif is_same "$6" "$7" || is_same "$4" "$5"; then lives=1; fi
  fi
  if enter_control "$dir"; then here=1; fi
  [ ! -e ./ended.lease ] || ended=lease
  if [ -n "$here" ] && { look_for exit || { [ -z "$lives" ] && look_for code; }; }; then
    echo "X $id $code $ended" || exit 1
  elif [ -z "$lives" ]; then
    echo "X $id lost" || exit 1
  fi
  cd /
}
sort_out() {
  known=$asked files= operands= processes= before=
  for id in $asked; do
    eval "place=\\$place_$id"
    if [ -z "$place" ]; then processes="$processes $id"
    else files="$files $id" operands="$operands \\"\\$place_$id\\""; fi
  done
}
look() {
  [ "$asked" = "$known" ] || sort_out
  for id in $processes; do look_at_process; done
  [ -n "$files" ] || return 0
  there=$files
  if ! eval "hints=\\$(stat $flag \\"\\$format\\" $operands 2>/dev/null)"; then
    # Which ones are not there nobody knows: each is asked for alone.
    there= hints=
    for id in $files; do
      eval "place=\\$place_$id"
      [ -e "$place" ] && hint=$(stat $flag "$format" "$place" 2>/dev/null) || continue
      there="$there $id" hints="$hints$newline$hint"
    done
  elif [ "$hints" = "$before" ]; then return 0
  fi
  before=$hints
  IFS=$newline
  set -- $hints
  IFS=$ifs
  changed=
  for id in $there; do
    hint=$1
    shift
    eval "seen=\\$seen_$id told=\\$told_$id"
    if [ "$hint" != "$seen" ]; then
      eval "hint_$id=\\$hint"
      changed="$changed $id" before=
    elif [ -z "$told" ]; then
      echo "S $id" || exit 1
      eval "told_$id=1"
    fi
  done
  set -- $changed
  while [ $# -gt 6 ]; do
    send_files "$1" "$2" "$3" "$4" "$5" "$6"
    shift 6
  done
  if [ $# -gt 0 ]; then send_files "$@"; fi
  cd /
}
while IFS= read -r order; do
  case $order in
    l) look; echo E || exit 1 ;;
    l*) asked=\${order#l }; look; echo E || exit 1 ;;
    f*)
      set -- $order
      { IFS= read -r dir && IFS= read -r name && IFS= read -r beneath; } || exit 1
      eval "dir_$2=\\$dir name_$2=\\$name beneath_$2=\\$beneath place_$2=\\$dir/\\$name offset_$2=$3 seen_$2= told_$2=1"
      known=
      ;;
    p*)
      set -- $order
      IFS= read -r dir || exit 1
      eval "dir_$2=\\$dir place_$2= calm_$2=0"
      known=
      id=$2
      shift 2
      eval "who_$id=\\$*"
      ;;
    d*)
      id=\${order#d }
      unset "dir_$id" "name_$id" "beneath_$id" "place_$id" "home_$id" "offset_$id" "seen_$id" "hint_$id" "told_$id"
      unset "who_$id" "calm_$id"
      known=
      ;;
  esac
done
`;
