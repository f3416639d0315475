import { checkBrowserMode } from './browser-modes.ts';
import type { BrowserMode } from './log-entry.ts';
import { LOG_FILE, SHIM_DIRECTORY } from './workdir-files.ts';

/** A stub that takes the place of one of the host's programs. */
export interface BrowserShim {
  /** Relative to the workdir. */
  readonly path: string;
  /** A POSIX script. The same for every workdir: it finds the log from where it lies itself. */
  readonly content: string;
  /** Permission bits. */
  readonly mode: number;
}

/** Options of `browserShims`. */
export interface BrowserShimsOptions {
  readonly mode: BrowserMode;
  /** Absolute path of the workdir, on the host. */
  readonly workdir: string;
}

/** What makes an agent's calls of a browser end up in stubs. */
export interface BrowserShims {
  readonly files: readonly BrowserShim[];
  /**
   * The variables to start the agent with: `BROWSER`, and `PATH` with the shims before `hostPath`, the `PATH` of the host.
   * An empty `hostPath` stands for the usual directories.
   */
  env(hostPath: string): Record<string, string>;
}

const OPENERS = ['xdg-open', 'open', 'sensible-browser', 'www-browser', 'x-www-browser'] as const;

const FALLBACK_PATH = '/usr/local/bin:/usr/bin:/bin';

const SILENT = `#!/bin/sh
exit 0
`;

// The first argument that looks like a web address is the one: options, and the word "open" of gio, come before it. Control
// characters would let an address write entries of its own; a quote would end it early. One printf is one write, so two stubs
// at once do not mix; a newline comes first when the log's last line lacks its own.
const REDIRECT = `#!/bin/sh
case $0 in
*/*) log=\${0%/*}/../${LOG_FILE} ;;
*) log=../${LOG_FILE} ;;
esac
for argument do
  case $argument in
  [Hh][Tt][Tt][Pp]://* | [Hh][Tt][Tt][Pp][Ss]://*)
    url=$(printf '%s' "$argument" | LC_ALL=C tr -d '\\000-\\037\\177' | LC_ALL=C sed 's/"/%22/g')
    start=
    if [ -n "$(tail -c 1 "$log" 2>/dev/null)" ]; then
      start='
'
    fi
    printf '%sBROWSER: "%s"\\n' "$start" "$url" >>"$log"
    exit
    ;;
  esac
done
echo "\${0##*/}: only http and https addresses can be opened from here" >&2
exit 1
`;

// gio does more than opening; what else it is asked for must not seem to have worked.
const GIO_GUARD = `if [ "$1" != open ]; then
  echo "gio: only 'open' is available here" >&2
  exit 1
fi
`;

/**
 * The stubs of a mode, and the environment in which an agent finds them; `undefined` in ignore mode. A workdir that `PATH` cannot hold is
 * a `TypeError`.
 */
export function browserShims({ mode, workdir }: BrowserShimsOptions): BrowserShims | undefined {
  checkBrowserMode(mode);
  if (mode === 'ignore') return undefined;
  // In PATH, what follows a colon is another directory, and a relative one is looked for wherever a program stands.
  if (!workdir.startsWith('/') || workdir.includes(':')) {
    throw new TypeError(
      `Browser shims need a workdir that is absolute and has no colon in its path, since PATH is to name it: got ${JSON.stringify(workdir)}`,
    );
  }
  const script = mode === 'suppress' ? SILENT : REDIRECT;
  const root = workdir.replace(/\/+$/, '');
  const directory = `${root}/${SHIM_DIRECTORY}`;
  const shim = (name: string, content: string): BrowserShim => ({
    path: `${SHIM_DIRECTORY}/${name}`,
    content,
    mode: 0o700,
  });
  return {
    files: [
      ...OPENERS.map((name) => shim(name, script)),
      shim('gio', script.replace('#!/bin/sh\n', `#!/bin/sh\n${GIO_GUARD}`)),
    ],
    env: (hostPath) => ({
      BROWSER: `${directory}/xdg-open`,
      PATH: `${directory}:${hostPath === '' ? FALLBACK_PATH : hostPath}`,
    }),
  };
}
