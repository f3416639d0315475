import { enterScript, pathExitCodes } from './path-access.ts';

/**
 * Writes a file beside its place, from what comes on standard input, and renames it into its place. Exit 0 means that it is
 * there.
 *
 * `$1` directory; `$2` as `checkBeneath` returns it; `$3` name; `$4` name of the stage; `$5` mode; `$6` size; `$7` `first` for
 * the one that makes the stage and places the file, `next` for those that help it.
 *
 * Prints `blocks` or, where `dd` cannot fill a block from a pipe, `all`. Then reads orders, each a line:
 *
 * - `ping`: prints `pong`
 * - `block SKIP UNITS REST`: passes over SKIP MiB from where it stands, writes UNITS MiB of the input and REST bytes more
 * - `all`: the rest of the input is the file; its end is the end of the file when the size is right
 * - `finish`: all blocks are there, those of the others too
 *
 * - The end of the input before `finish` is an error: where the link breaks, that is all one hears of it.
 * - Each opens the file once, without following a link, and writes to what it has opened.
 * - Positions are relative, and `dd` keeps them in the open file: no name is looked up again.
 */
export const pushScript: string = `${enterScript}
umask 077
export LC_ALL=C
# Where the link is gone nobody reads what it says, and the clean-up comes after that.
trap '' PIPE
if [ "$7" = first ]; then
  [ -d "$1" ] || mkdir -p -- "$1" || exit
  enter "$1" "$2"
  top=$(pwd -P) stage=$4
  cleanup() {
    trap '' TERM INT HUP
    cd / && rm -rf "$top/$stage"
  }
  trap cleanup EXIT
  trap 'cleanup; exit 143' TERM INT HUP
  mkdir "./$stage" || exit
  cd "./$stage" && [ "$(pwd -P)" = "$top/$stage" ] || exit ${pathExitCodes.link}
  : >"./$3" || exit 1
else
  enter "$1/$4" "$2"
fi
open_regular "$3" "$2"
if [ -e /proc/self/fd/3 ]; then exec 4<>/proc/self/fd/3; else exec 4<>"./$3"; fi
early() { echo 'its input ended early' >&2; exit 1; }
copy() {
  report=$(dd bs="$1" count="$2" seek="$3" conv=notrunc iflag=fullblock 2>&1 >&4) || { echo "$report" >&2; exit 1; }
  case $report in "$2+0 records in"*) ;; *) early ;; esac
}
if dd bs=1 count=0 conv=notrunc iflag=fullblock </dev/null >/dev/null 2>&1; then echo blocks; else echo all; fi
is_whole=
while read -r order skip units rest; do
  case $order in
    ping) echo pong ;;
    block)
      [ "$skip$units" = 00 ] || copy 1048576 "$units" "$skip"
      [ "$rest" = 0 ] || copy "$rest" 1 0 ;;
    all) cat >&4 || exit 1; is_whole=1 ;;
    finish) is_whole=1; break ;;
  esac
done
[ "$7" = first ] || exit 0
[ -n "$is_whole" ] && [ "$(wc -c <"./$3")" -eq "$6" ] || early
chmod "$5" "./$3" || exit 1
cd .. && [ "$(pwd -P)" = "$top" ] || exit ${pathExitCodes.link}
mv -f -- "./$stage/$3" . </dev/null || exit 1`;
