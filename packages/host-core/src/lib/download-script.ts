import { enterScript, pathExitCodes } from './path-access.ts';

/**
 * Fetches a file beside its place, checks it there and renames it. Prints lines:
 *
 * - `total <bytes>`, `size <bytes>`: how far it is, every 0.2 s while that changes. `.`: nothing came. When nobody reads any
 *   more, writing it ends the script.
 * - `stall`, `large`, `full <error>`: why the transfer was ended. `missing <tool>`, `unsafe https`, `unsafe headers`: why none
 *   was begun.
 * - `h <line>` what the server said, `e <line>` what the tool said, `ended <tool> <code>`: the transfer brought no file. The
 *   next hop is read then.
 * - `mismatch <algorithm> <digest>`, `done <bytes> <verified>`.
 *
 * `$1` directory; `$2` name; `$3` beneath; `$4` token of this attempt; `$5` mode; `$6` most bytes or nothing; `$7` turns of 0.2 s without
 * a byte; `$8` SHA-256; `$9` SHA-512; `$10` whether it may stay unverified; `$11` most redirects.
 *
 * A hop comes over standard input, since nothing of it may be in an argv: the URL, lines for curl's config, an empty line,
 * lines for a wgetrc, an empty line. Of the next one the other side decides: what an address means, whether it may be
 * followed and what it may be told of headers is no matter for a shell. busybox's wget follows by itself; what it followed is
 * looked at while it runs and before anything of it is used.
 *
 * - The file, and what is kept of headers and errors, is opened once, by names that did not exist, and used by descriptor:
 *   whoever may write to the directory cannot lead us to another file. The wgetrc has no name when it is filled.
 * - `mv` into the current directory renames over whatever has the name, also over a link to a directory.
 * - The clean-up ignores TERM: a kill of the whole tree may reach it in the middle.
 */
export const downloadScript: string = `${enterScript}
dir=$1 name=$2 beneath=$3 token=$4 mode=$5 most=$6 stall=$7 sha256=$8 sha512=$9
shift 9
unverified=$1 redirects=$2
unset CDPATH
LC_ALL=C; export LC_ALL
umask 077
say() { printf '%s\\n' "$*" 2>/dev/null; }
has() { command -v "$1" >/dev/null 2>&1; }

if has curl; then kind=curl
elif has wget; then
  wget=wget
  case $(wget --version 2>&1 </dev/null) in 'GNU Wget '*) kind=wget ;; *BusyBox*) kind=busybox ;; *) kind= ;; esac
elif busybox --list 2>/dev/null | grep -qx wget; then kind=busybox wget='busybox wget'
else kind=
fi
[ -n "$kind" ] || { say missing curl; exit 0; }
hasher() {
  for hasher in "sha$1sum" "shasum -a $1" "openssl dgst -sha$1 -r"; do has "\${hasher%% *}" && return; done
  hasher=
  [ -n "$unverified" ] || { say missing "sha$1sum"; exit 0; }
}
hash256= hash512=
if [ -n "$sha256" ]; then hasher 256; hash256=$hasher; fi
if [ -n "$sha512" ]; then hasher 512; hash512=$hasher; fi

read_block() {
  block=
  while IFS= read -r line; do
    [ -n "$line" ] || return 0
    block="$block$line
"
  done
  exit 0
}
read_hop() {
  IFS= read -r url || exit 0
  read_block; curlrc=$block
  read_block; wgetrc=$block
  if [ $kind = busybox ]; then
    [ -z "$wgetrc" ] || { say unsafe headers; exit 0; }
    case $url in http:*) ;; *) say unsafe https; exit 0 ;; esac
  fi
}
read_hop

made=0 here= top= stage= tool= watcher=
cleanup() {
  trap '' TERM INT HUP
  [ -z "$tool$watcher" ] || kill $tool $watcher 2>/dev/null
  cd /
  [ -z "$stage" ] || rm -rf "$top/$stage"
  while [ $made -gt 0 ]; do rmdir -- "$here" 2>/dev/null; here=\${here%/*} made=$((made - 1)); done
}
trap cleanup EXIT
trap 'cleanup; exit 143' TERM INT HUP
trap '' PIPE

# Walks down step by step, and makes what is missing.
make_way() {
  cd -P -- "\${2:-/}" 2>/dev/null || lost "$2"
  here=$(pwd -P)
  way=\${1#"$2"}
  IFS=/; set -f
  for step in $way; do
    [ -n "$step" ] || continue
    if [ -n "$beneath" ] && [ -L "./$step" ]; then exit ${pathExitCodes.link}; fi
    if [ ! -d "./$step" ]; then
      if error=$(mkdir -- "./$step" 2>&1); then made=$((made + 1))
      elif [ ! -d "./$step" ]; then printf '%s\\n' "$error" >&2; exit 1
      fi
    fi
    here=\${here%/}/$step
    cd -P -- "./$step" 2>/dev/null || exit ${pathExitCodes.notDirectory}
    [ -z "$beneath" ] || [ "$(pwd -P)" = "$here" ] || exit ${pathExitCodes.link}
  done
  unset IFS; set +f
}
make_way "$dir" "$beneath"
top=$(pwd -P)
here=$top
check_place() {
  [ ! -L "./$name" ] || return 0
  [ ! -d "./$name" ] || { printf '%s\\n' "$dir/$name is a directory" >&2; exit 1; }
  [ ! -e "./$name" ] || [ -f "./$name" ] || exit ${pathExitCodes.notRegular}
}
check_place
stage=.optio-download-$token
mkdir "./$stage" || { stage=; exit 1; }
cd -P -- "./$stage" && [ "$(pwd -P)" = "\${top%/}/$stage" ] || exit ${pathExitCodes.link}

if [ -e /proc/$$/fd/0 ]; then
  file=/proc/$$/fd/4 rc=/proc/$$/fd/6 head=/proc/$$/fd/7 log=/proc/$$/fd/8
  size_of() { stat -Lc %s "$1"; }
else
  file=./$name rc=./rc~$token head=./head~$token log=./log~$token
  size_of() { wc -c <"$1" | tr -d ' '; }
fi
open_files() {
  rm -f "./$name" "./rc~$token" "./head~$token" "./log~$token"
  set -C
  { command exec 4>"./$name" 5<"./$name" 9<"./$name" 6>"./rc~$token" 7>"./head~$token" 8>"./log~$token"; } || exit 1
  set +C
  [ "$head" = "./head~$token" ] || rm -f "./rc~$token" "./head~$token" "./log~$token"
  chmod "$mode" "$file" || exit 1
}

# By expr: mksh counts in 32 bits.
exceeds() { [ -n "$most" ] && expr "$1" '>' "$most" >/dev/null; }

# By a builtin where there is one, so that it is in no argv.
feed() {
  case $(command -v printf) in printf) printf '%s\\n' "$1" ;; *) cat <<END
$1
END
  esac
}

# Prints what the last answer is: status, length, and whether busybox followed what must not be followed.
read_head() {
  tail -c 1048576 "$head" | awk -v kind=$kind -v redirects="$redirects" '
    BEGIN { total = "-" }
    { sub(/\\r$/, ""); sub(/^  /, ""); low = tolower($0) }
    /^HTTP\\// { status = $2; total = "-"; next }
    low ~ /^content-length:/ {
      sub(/^content-length:[ \\t]*/, "", low); sub(/[ \\t]*$/, "", low)
      if (low ~ /^[0-9]+$/) total = length(low) > 15 ? "999999999999999" : low
    }
    low ~ /^location:/ && kind == "busybox" {
      sub(/^location:[ \\t]*/, "", low)
      if (++hops > redirects || low !~ /^(http:\\/\\/|\\/)/) refused = 1
    }
    END { print status + 0, total, refused + 0 }'
}

# While the tool runs: tells how far it is, and ends it when nothing comes, when too much comes, or when nobody listens.
watch() {
  nap=
  trap 'kill $nap 2>/dev/null; exit 0' TERM
  if sleep 0.01 2>/dev/null; then pause=0.2 step=1; else pause=1 step=5; fi
  stop() { kill $tool 2>/dev/null; exit 0; }
  seen= quiet=0 known=
  while kill -0 $tool 2>/dev/null; do
    sleep $pause >/dev/null 2>&1 4>&- & nap=$!
    wait $nap
    size=$(size_of "$file") && noise=$(size_of "$head") || stop
    if [ "$size $noise" = "$seen" ]; then
      quiet=$((quiet + step))
      if [ $quiet -ge "$stall" ]; then say stall; stop; fi
      [ $((quiet % 5)) != 0 ] || say . || stop
      continue
    fi
    seen="$size $noise" quiet=0
    if exceeds "$size" || [ "$noise" -gt 1048576 ]; then say large; stop; fi
    if [ -z "$known" ] && { [ "$size" != 0 ] || [ $kind = busybox ]; }; then
      set -- $(read_head)
      [ "$3" = 0 ] || stop
      if [ "$1" = 200 ] && [ "$size" != 0 ]; then
        known=1
        if [ "$2" != - ]; then
          if exceeds "$2"; then say large; stop; fi
          say total "$2" || stop
        fi
      fi
    fi
    if [ -n "$known" ]; then say size "$size"; else say .; fi || stop
  done
}

while :; do
  open_files
  case $kind in
    curl) feed "$curlrc" | curl -q -sSfN -g --proto =http,https -K - -D "$head" >&4 2>&8 & ;;
    wget)
      feed "$wgetrc" >&6
      feed "$url" |
        wget --config="$rc" -nv -S --tries=1 --max-redirect=0 --no-hsts --no-netrc -O - -i - >&4 2>&7 & ;;
    busybox) $wget -q -S -O - "$url" </dev/null >&4 2>&7 & ;;
  esac
  tool=$!
  watch & watcher=$!
  wait $tool; code=$?
  tool=
  kill $watcher 2>/dev/null; wait $watcher
  watcher=
  set -- $(read_head)
  status=$1 total=$2 refused=$3 size=$(size_of "$file")
  if exceeds "$size"; then say large; exit 0; fi
  [ "$code $status $refused" != '0 200 0' ] || break
  [ "$code" = 0 ] || error=$(head -c 65536 /dev/zero | cat 2>&1 >&4) || say full "$error"
  tail -c 65536 "$head" | awk '{ print "h " $0 }'
  tail -c 65536 "$log" | awk '{ print "e " $0 }'
  say ended $kind $code || exit 1
  read_hop
done

check() {
  digest=$($2) && digest=\${digest%% *}
  [ "$digest" = "$3" ] || { say mismatch "$1" "$digest"; exit 0; }
}
[ -z "$hash256" ] || check SHA-256 "$hash256" "$sha256" <&5
[ -z "$hash512" ] || check SHA-512 "$hash512" "$sha512" <&9
trap '' TERM INT HUP
cd -- "$top" && [ "$(pwd -P)" = "$top" ] || exit ${pathExitCodes.link}
check_place
mv -f "./$stage/$name" ./ || exit 1
made=0
[ "$total" != "$size" ] || say total "$total"
say 'done' "$size" "\${hash256:+verified}\${hash512:+verified}"
`;
