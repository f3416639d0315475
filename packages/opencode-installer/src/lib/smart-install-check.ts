import { createHash } from 'node:crypto';
import { posix } from 'node:path';

import { HostError, outputTail, runChecked, shellScript } from '@optio-ts/host-core';

import { OpencodeInstallError } from './errors.ts';
import type { InstalledProgram } from './installed.ts';
import type { SourceContext } from './source.ts';

/** What the script answers: an opencode that will do, or an archive that has to be installed. */
export type CheckAnswer = { readonly path: string } | { readonly url: string };

/**
 * Runs the script (standard input) as `bash -s -- --check` with `$1` first in PATH, and finds the opencode that it has found.
 * It runs `opencode --version`, which makes directories, so those go to a throw-away place. Prints fields that end in NUL:
 * exit code, output, path of opencode. Who was found is marked as used.
 */
const checkScript = `
dir=$1
home=$(mktemp -d) || exit 70
cleanup() { trap '' TERM INT HUP; rm -rf "$home"; }
trap cleanup EXIT
trap 'cleanup; exit 143' TERM INT HUP
PATH=$dir:$PATH
export PATH
output=$(XDG_CACHE_HOME=$home XDG_CONFIG_HOME=$home XDG_DATA_HOME=$home XDG_STATE_HOME=$home bash -s -- --check)
code=$?
path=$(command -v opencode)
[ "$path" != "$dir/opencode" ] || touch -c "$dir" 2>/dev/null
printf '%s\\0%s\\0%s\\0' "$code" "$output" "$path"
`;

/** Runs the script with `directory` first in PATH. Throws `SMART_CHECK_FAILED`, `SMART_CHECK_INVALID`. */
export async function runCheck(
  { abortSignal, host, probe }: SourceContext,
  request: { readonly directory: string; readonly script: Uint8Array; readonly timeoutMs?: number },
): Promise<CheckAnswer> {
  // A script that asks a server, and an opencode that starts from a slow disk.
  const { directory, script, timeoutMs = 120_000 } = request;
  if (probe.tools['bash'] === undefined) {
    throw new OpencodeInstallError('SMART_CHECK_INVALID', `smart-install needs bash, which ${host.description} lacks`);
  }
  const { stderr, stdout } = await runChecked(host, shellScript(checkScript, directory), {
    what: 'Cannot run smart-install',
    stdin: script,
    timeoutMs,
    maxOutputBytes: 64 * 1024,
    ...(abortSignal && { abortSignal }),
  }).catch((error: unknown) => {
    // Without a network it may wait for longer than anybody wants to.
    if (!HostError.is(error) || error.code !== 'TIMEOUT') throw error;
    const message = `smart-install --check on ${host.description} did not end within ${timeoutMs} ms`;
    throw new OpencodeInstallError('SMART_CHECK_FAILED', message, { cause: error });
  });
  const [code = '', output = '', path = ''] = stdout.toString('utf8').split('\0');
  if (code !== '0') {
    const complaint = outputTail(stderr);
    throw new OpencodeInstallError(
      'SMART_CHECK_FAILED',
      `smart-install --check on ${host.description} ended with exit code ${code}${complaint === '' ? '' : `\n\n${complaint}`}`,
    );
  }
  return readAnswer(output, path, host.description);
}

/** Reads what the script printed. Throws `SMART_CHECK_INVALID`. */
export function readAnswer(output: string, path: string, description: string): CheckAnswer {
  const answer = output.trim();
  const invalid = (problem: string): OpencodeInstallError =>
    new OpencodeInstallError('SMART_CHECK_INVALID', `smart-install --check on ${description} ${problem}`);
  if (answer === 'opencode ok') {
    if (posix.isAbsolute(path)) return { path };
    throw invalid('printed "opencode ok", but no opencode is in PATH');
  }
  const url = /^download\s*(.*)$/.exec(answer)?.[1];
  if (url === undefined) throw invalid(`gave an unexpected output: ${JSON.stringify(answer.slice(0, 200))}`);
  const isWeb = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && !/\s/.test(url);
  if (!isWeb) throw invalid(`names no address to download: ${JSON.stringify(url.slice(0, 200))}`);
  return { url };
}

/** Name of what was installed for a script, before the variant: which one it was, counted. */
export function smartName(scriptUrl: string, generation: number, variant?: string): string {
  const id = createHash('sha256').update(scriptUrl).digest('hex').slice(0, 8);
  return `smart-${id}-${generation}${variant === undefined ? '' : `-${variant}`}`;
}

/** The last one that was installed for a script; 0 for none. */
export function latestGeneration(programs: readonly InstalledProgram[], scriptUrl: string, variant: string): number {
  const start = smartName(scriptUrl, 0).slice(0, -1);
  const generations = programs
    .filter(({ file, name }) => file === 'opencode' && name.startsWith(start) && name.endsWith(`-${variant}`))
    .map(({ name }) => name.slice(start.length, -variant.length - 1))
    .filter((generation) => /^\d{1,9}$/.test(generation))
    .map(Number);
  return Math.max(0, ...generations);
}
