import { runChecked, shellScript } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

// $1 a directory, then paths below it. On the way to each only directories stay, and in its own place only a regular file.
// Prints what was removed, each ended by NUL.
const CLEAR_WAY = `export LC_ALL=C
cd -P -- "$1" && [ "$(pwd -P)" = "$1" ] || exit
shift
for path; do
  way=. rest=$path
  while :; do
    case $rest in
      */*)
        way=$way/\${rest%%/*} rest=\${rest#*/}
        if [ -L "$way" ] || { [ -e "$way" ] && ! [ -d "$way" ]; }; then
          rm -f -- "$way" || exit
          printf '%s\\0' "\${way#./}"
        fi
        ;;
      *)
        way=$way/$rest
        if [ -L "$way" ] || { [ -e "$way" ] && ! [ -f "$way" ]; }; then
          rm -rf -- "$way" || exit
          printf '%s\\0' "\${way#./}"
        fi
        break
        ;;
    esac
  done
done
`;

/** Options of `clearWay`. */
export interface ClearWayOptions {
  /** Absolute and free of links. */
  readonly directory: string;
  /** Relative to the directory. */
  readonly paths: readonly string[];
  readonly abortSignal: AbortSignal;
}

/**
 * Removes what an agent has put in the place of files of ours: links, directories, FIFOs. Otherwise it could see to it that its
 * session never comes back. No agent may run meanwhile. Resolves with what was removed.
 */
export async function clearWay(
  host: Host,
  { directory, paths, abortSignal }: ClearWayOptions,
): Promise<readonly string[]> {
  const { stdout } = await runChecked(host, shellScript(CLEAR_WAY, directory, ...paths), {
    what: `Cannot make room for our files in ${directory}`,
    timeoutMs: 60_000,
    abortSignal,
  });
  return stdout.toString('utf8').split('\0').slice(0, -1);
}
