/**
 * Reads a growing file and goes on reading. Prints frames: a line, and for \`F\` the bytes it announces.
 *
 * - \`F <size> <start> <length>\`: bytes from there on. They begin a little before what is new, so that the reader on the
 *   other side can see whether the file is still the one that it has read.
 * - \`T\`: the file is shorter than what was read of it; the script ends. \`E\`: all was read (\`once\`); the script ends.
 * - \`S\`: a look after what was sent has found the file as it was. Once for each change.
 * - \`.\`: nothing happened. When nobody reads any more, writing it ends the script.
 *
 * \`$1\` directory; \`$2\` name; \`$3\` bytes that were read; \`$4\` bytes to repeat; \`$5\` seconds between looks; \`$6\` seconds when
 * nothing has happened for long; \`$7\` \`follow\` or \`once\`; \`$8\` most bytes of a frame; \`$9\` trusted directory or nothing.
 *
 * - Every change of size, time or file makes a frame, also one that adds nothing: the file may have been rewritten.
 * - A frame has exactly the length it announces: zeros fill it up when the file shrinks meanwhile, and the next look, which
 *   sees the change, shows that they were none of it.
 * - The file's owner is not trusted: no link is followed. What was opened is asked from the kernel, after the opening.
 * - Where the directory is: given a trusted one, where it lies below that; otherwise wherever it was found first.
 */
export const followScript = `
dir=$1 name=$2 offset=$3 overlap=$4 nap=$5 slow=$6 mode=$7 most=$8 beneath=$9
unset CDPATH
home= seen= told=1 turns=0 sent=0
if stat -c %i / >/dev/null 2>&1; then flag=-c format='%i %s %y'; else flag=-f format='%i %z %Fm'; fi
enter() {
  if [ -n "$beneath" ]; then
    cd -P -- "$beneath" 2>/dev/null || return 1
    home=$PWD\${dir#"$beneath"}
  fi
  cd -P -- "$dir" 2>/dev/null || return 1
  [ -n "$home" ] || home=$PWD
  [ "$PWD" = "$home" ]
}
look() {
  [ ! -L "./$name" ] && [ -f "./$name" ] && now=$(stat $flag "$format" "./$name" 2>/dev/null)
}
is_ours() {
  [ -r /proc/self/fd ] || return 0
  case $(readlink "/proc/$$/fd/3") in "$PWD/$name"|"$PWD$name") return 0 ;; esac
  return 1
}
while :; do
  more=
  if ! enter || ! look; then :
  elif [ "$now" = "$seen" ]; then
    if [ -z "$told" ]; then echo S || exit 1; told=1; fi
  elif { command exec 3<"./$name"; } 2>/dev/null; then
    if is_ours; then
      set -- $now
      size=$2
      if [ "$size" -lt "$offset" ]; then echo T; exit 0; fi
      start=$((offset > overlap ? offset - overlap : 0))
      length=$((size - start))
      if [ $length -gt "$most" ]; then length=$most more=1; else seen=$now; fi
      printf 'F %s %s %s\\n' "$size" $start $length || exit 1
      if [ $length -gt 0 ]; then { tail -c +$((start + 1)) <&3; cat /dev/zero; } 2>/dev/null | head -c $length || exit 1; fi
      offset=$((start + length)) turns=0 told= sent=$((sent + 1)) more=\${more:-$mode}
    fi
    exec 3<&-
  fi
  # The last pass looks again after what it has sent; at something that never stops growing it does not look for ever.
  case $more in 1) continue ;; once) [ $sent -gt 100 ] || continue ;; esac
  if [ "$mode" = once ]; then echo E; exit 0; fi
  turns=$((turns + 1))
  case $turns in *00) printf '.\\n' || exit 1 ;; esac
  if [ $turns -lt 300 ]; then pause=$nap; else pause=$slow; fi
  sleep "$pause" 2>/dev/null || sleep 1
done
`;
