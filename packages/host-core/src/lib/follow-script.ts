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
 * - `F <id> <size> <start> <length>`: bytes from there on. They begin a little before what is new, so that the reader on the
 *   other side can see whether the file is still the one that it has read. At most one for a file and a look.
 * - `T <id>`: the file is shorter than what was read of it.
 * - `S <id>`: a look after what was sent has found the file as it was. Once for each change.
 * - `X <id> <code> <itself|lease>` or `X <id> lost`: how a process has ended.
 * - `E`: the look is over.
 *
 * `$1` bytes to repeat; `$2` most bytes of a frame.
 *
 * - One `stat` for all files is the only fork of a look that finds nothing. It goes by the whole path and may have been led
 *   elsewhere; so it is only a reason to read, and how much to say of what is then opened in the directory itself.
 * - Every change of size, time or file makes a frame, also one that adds nothing: the file may have been rewritten.
 * - A frame has exactly the length it announces: zeros fill it up when the file shrinks meanwhile, and the next look, which
 *   sees the change, shows that they were none of it.
 * - The file's owner is not trusted: no link is followed. What was opened is asked from the kernel, after the opening.
 * - Where the directory is: given a trusted one, where it lies below that; otherwise wherever it was found first.
 * - Names that somebody else chose are never printed: one with a line break would be a frame of another file.
 * - Who of a process is alive is looked up before its records are: who is gone by then has written all that he ever will.
 */
export const followScript: string = `
overlap=$1 most=$2 asked=
unset CDPATH
ifs=$IFS
newline='
'
${processIdentityFunctions}${controlFunctions}
read_boot
if stat -c %i / >/dev/null 2>&1; then flag=-c format='%i %s %y'; else flag=-f format='%i %z %Fm'; fi
is_ours() {
  [ -r /proc/self/fd ] || return 0
  case $(readlink "/proc/$$/fd/3") in "$PWD/$name"|"$PWD$name") return 0 ;; esac
  return 1
}
send() {
  set -- $hint
  size=$2
  if [ "$size" -lt "$offset" ]; then echo "T $id" || exit 1; return; fi
  start=$((offset > overlap ? offset - overlap : 0))
  length=$((size - start))
  if [ "$length" -gt "$most" ]; then length=$most; else eval "seen_$id=\\$hint"; fi
  printf 'F %s %s %s %s\\n' "$id" "$size" $start $length || exit 1
  if [ $length -gt 0 ]; then { tail -c +$((start + 1)); exec cat /dev/zero; } <&3 2>/dev/null | head -c $length || exit 1; fi
  eval "told_$id= offset_$id=$((start + length))"
}
enter() {
  if [ -n "$beneath" ]; then
    cd -P -- "$beneath" 2>/dev/null || return 1
    home=$PWD\${dir#"$beneath"}
  fi
  cd -P -- "$dir" 2>/dev/null || return 1
  [ -n "$home" ] || { home=$PWD; eval "home_$id=\\$home"; }
  [ "$PWD" = "$home" ]
}
look_at_file() {
  eval "dir=\\$dir_$id name=\\$name_$id beneath=\\$beneath_$id home=\\$home_$id offset=\\$offset_$id"
  enter && [ ! -L "./$name" ] && [ -f "./$name" ] && { command exec 3<"./$name"; } 2>/dev/null || return 0
  if is_ours; then send; fi
  exec 3<&-
}
look_at_process() {
  eval "dir=\\$dir_$id; set -- \\$who_$id"
  lives= here= ended=itself
  if [ "$1" = "$boot" ]; then
    if is_same "$2" "$3" || is_same "$6" "$7" || is_same "$4" "$5"; then lives=1; fi
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
look() {
  set --
  there=
  for id in $asked; do
    eval "place=\\$place_$id"
    if [ -z "$place" ]; then look_at_process
    elif [ -f "$place" ] && [ ! -L "$place" ]; then
      set -- "$@" "$place"
      there="$there $id"
    fi
  done
  [ $# -gt 0 ] || return 0
  count=$#
  hints=$(stat $flag "$format" "$@" 2>/dev/null)
  IFS=$newline
  set -- $hints
  IFS=$ifs
  for id in $there; do
    # Where one is gone meanwhile nobody knows which: then each is asked for alone.
    if [ $# -eq $count ]; then hint=$1; shift; count=$((count - 1))
    else
      eval "place=\\$place_$id"
      hint=$(stat $flag "$format" "$place" 2>/dev/null) || continue
    fi
    eval "seen=\\$seen_$id told=\\$told_$id"
    if [ "$hint" != "$seen" ]; then look_at_file
    elif [ -z "$told" ]; then
      echo "S $id" || exit 1
      eval "told_$id=1"
    fi
  done
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
      ;;
    p*)
      set -- $order
      IFS= read -r dir || exit 1
      eval "dir_$2=\\$dir place_$2="
      id=$2
      shift 2
      eval "who_$id=\\$*"
      ;;
    d*)
      id=\${order#d }
      unset "dir_$id" "name_$id" "beneath_$id" "place_$id" "home_$id" "offset_$id" "seen_$id" "told_$id" "who_$id"
      ;;
  esac
done
`;
