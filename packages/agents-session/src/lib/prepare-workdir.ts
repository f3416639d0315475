import {
  DELIVERABLES_DIRECTORY,
  LOG_FILE,
  RESUME_LOG_FILE,
  ROTATED_LOG_FILE,
  SHIM_DIRECTORY,
} from '@optio-ts/agents-prompt';
import type { BrowserShims } from '@optio-ts/agents-prompt';
import { runChecked, shellScript } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

// A workdir that was restored is as an agent left it: what lies under our names may be a link, a directory or a FIFO, and goes.
// Files are made anew instead of written into, since a hard link would pass the writing on to some other file.
//
// $1 workdir, $2 log, $3 rotated log, $4 resume log, $5 deliverables, $6 shim directory, $7 the line for the resume log or nothing,
// then path and content of each shim. Prints the host's PATH.
const PREPARE_WORKDIR = `umask 077
export LC_ALL=C
cd -P -- "$1" || exit
log=./$2 rotated=./$3 resumes=./$4 line=$7
for name in "$log" "$rotated" "$resumes"; do
  if [ -L "$name" ] || { [ -e "$name" ] && ! [ -f "$name" ]; }; then rm -rf -- "$name" || exit; fi
done
for name in "./$5" "./$6"; do
  if [ -L "$name" ] || { [ -e "$name" ] && ! [ -d "$name" ]; }; then rm -f -- "$name" || exit; fi
done
mkdir -p -- "./$5" || exit
rm -rf -- "$rotated.new" "$resumes.new" || exit
if [ -s "$log" ]; then
  {
    if [ -f "$rotated" ]; then cat -- "$rotated" || exit; fi
    cat -- "$log" || exit
    if [ -n "$(tail -c 1 -- "$log")" ]; then echo; fi
  } >"$rotated.new" && mv -f -- "$rotated.new" "$rotated" || exit
fi
rm -f -- "$log" && : >"$log" || exit
# Once, also when the answer was lost and all is done again.
if [ -n "$line" ] && [ "$(tail -n 1 -- "$resumes" 2>/dev/null)" != "$line" ]; then
  {
    if [ -s "$resumes" ]; then
      cat -- "$resumes" || exit
      if [ -n "$(tail -c 1 -- "$resumes")" ]; then echo; fi
    fi
    printf '%s\\n' "$line"
  } >"$resumes.new" && mv -f -- "$resumes.new" "$resumes" || exit
fi
if [ $# -gt 7 ]; then mkdir -p -- "./$6" || exit; fi
shift 7
while [ $# -gt 1 ]; do
  rm -rf -- "./$1" && printf '%s' "$2" >"./$1" && chmod 700 -- "./$1" || exit
  shift 2
done
printf '%s' "$PATH"
`;

/** Options of `prepareWorkdir`. */
export interface PrepareWorkdirOptions {
  /** Absolute path on the host. */
  readonly workdir: string;
  readonly shims: BrowserShims | undefined;
  /** A line for `resume.log`, with or without its newline. @default none */
  readonly resumeLogLine?: string | undefined;
  readonly abortSignal?: AbortSignal;
}

/** What `prepareWorkdir` found. */
export interface PreparedWorkdir {
  /** The `PATH` of the host. */
  readonly hostPath: string;
}

/**
 * Makes a workdir ready for an agent, in one round trip: `deliverables/`, an empty log (what it held is appended to
 * `optio.log.old`), a line in `resume.log`, the browser shims. No agent may run in it meanwhile.
 */
export async function prepareWorkdir(host: Host, options: PrepareWorkdirOptions): Promise<PreparedWorkdir> {
  const { workdir, shims, resumeLogLine = '', abortSignal } = options;
  const command = shellScript(
    PREPARE_WORKDIR,
    workdir,
    LOG_FILE,
    ROTATED_LOG_FILE,
    RESUME_LOG_FILE,
    DELIVERABLES_DIRECTORY,
    SHIM_DIRECTORY,
    resumeLogLine.trimEnd(),
    ...(shims?.files ?? []).flatMap(({ path, content }) => [path, content]),
  );
  const { stdout } = await runChecked(host, command, {
    what: `Cannot prepare ${workdir}`,
    timeoutMs: 60_000,
    ...(abortSignal && { abortSignal }),
  });
  return { hostPath: stdout.toString('utf8') };
}

/** Asks for the `PATH` of a host. */
export async function readHostPath(host: Host, abortSignal: AbortSignal): Promise<string> {
  const command = shellScript('printf %s "$PATH"');
  const { stdout } = await runChecked(host, command, { what: 'Cannot read PATH', timeoutMs: 60_000, abortSignal });
  return stdout.toString('utf8');
}
