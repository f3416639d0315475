import type { Host } from './host.ts';
import { checkPath } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { runChecked } from './run-checked.ts';
import { shellScript } from './script.ts';

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

/**
 * Removes what an agent has put in the place of files of ours: links, directories, FIFOs, and on the way to them whatever is no
 * directory. Regular files stay: `writeFiles` replaces them. Without it an agent could see to it that its session never comes
 * back. `directory` must be free of links, `paths` are relative to it, and no agent may run meanwhile. Resolves with what was
 * removed.
 */
export async function clearWay(
  host: Host,
  directory: string,
  paths: readonly string[],
  { abortSignal }: Pick<PathOptions, 'abortSignal'> = {},
): Promise<readonly string[]> {
  for (const path of paths) {
    if (path.startsWith('/') || path.split('/').some((name) => name === '' || name === '.' || name === '..')) {
      throw new TypeError(`Not a path below a directory: ${JSON.stringify(path)}`);
    }
  }
  const { stdout } = await runChecked(host, shellScript(CLEAR_WAY, checkPath(directory, 'directory'), ...paths), {
    what: `Cannot make room for our files in ${directory}`,
    timeoutMs: 60_000,
    ...(abortSignal && { abortSignal }),
  });
  return stdout.toString('utf8').split('\0').slice(0, -1);
}
