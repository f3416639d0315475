/**
 * Checks files, and reads one. A file is opened first, then the open file is asked where it lies, what it is and how large it
 * is, and the bytes come from it: swapping the path for a link at any moment gains nothing. A FIFO that is swapped in before the
 * open makes the script hang; the caller's time limit ends that.
 *
 * An agent that owns the directory above its workdir can put a link in the workdir's own place: then nothing is read through it.
 *
 * `$1` the directory that links may lead around in, itself no link, `$2` what is appended to it for where the file must lie,
 * `$3` the most bytes, `$4` `check` or `read`, then the paths: absolute, or relative to `$1` with a leading `./`.
 *
 * Of each path it says `refused <why> [<bytes>]` or `ok <bytes>`, then a line break and: to check, where it really lies below
 * and a NUL; to read, the bytes.
 */
export const CHECKED_FILE_SCRIPT = `exec 2>/dev/null
export LC_ALL=C
refuse() {
  printf 'refused %s\\n\\000' "$1"
}
refuse_all() {
  why=$1
  shift 5
  for path do refuse "$why"; done
  exit 0
}
cd -P -- "$1" || refuse_all unreadable "$@"
top=$(pwd -P; echo x)
top=\${top%?x}
top=\${top%/}
# Links above the directory are the administrator's; one in its own place is not.
asked=\${1%/}
above=$(cd -P -- "\${asked%/*}/" && pwd -P; echo x)
above=\${above%?x}
if [ -n "$asked" ] && [ "$top" != "\${above%/}/\${asked##*/}" ]; then refuse_all outside-workdir "$@"; fi
root=$top$2 most=$3 mode=$4
examine() {
  if [ -e /proc/self/fd/3 ]; then
    file=/proc/self/fd/3
    real=$(readlink "$file"; echo x)
    real=\${real%?x}
  else
    # No /proc: the directory is resolved physically, and a link as the last step is not followed.
    file=/dev/fd/3
    if [ -L "$1" ]; then refuse not-a-file; return 0; fi
    real=$(cd -P -- "\${1%/*}/" && pwd -P; echo x)
    real=\${real%?x}
    real=\${real%/}/\${1##*/}
  fi
  if ! [ -f "$file" ]; then refuse not-a-file; return 0; fi
  case $real in
  "$root"/*) ;;
  "$top"/*) refuse outside-deliverables; return 0 ;;
  *) refuse outside-workdir; return 0 ;;
  esac
  size=$(stat -L -c %s "$file" || stat -L -f %z "$file" || wc -c <"$file")
  size=$((size))
  if [ "$size" -gt "$most" ]; then refuse "too-large $size"; return 0; fi
  if [ "$mode" = read ]; then
    echo "ok $size"
    exec head -c "$size" <&3
  fi
  printf 'ok %s\\n%s\\000' "$size" "\${real#"$root"/}"
}
shift 4
for path do
  if ! [ -e "$path" ]; then refuse not-found
  elif ! [ -f "$path" ]; then refuse not-a-file
  else { examine "$path"; } 3<"$path" || refuse unreadable
  fi
done
`;
