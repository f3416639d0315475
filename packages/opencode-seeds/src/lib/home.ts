import { readFile, runChecked, shellScript, writeFiles } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

import type { HomeContent } from './active-content.ts';
import { parseObject } from './config.ts';
import type { JsonObject } from './config.ts';
import { AUTH_FILE, CONFIG_FILE, PLUGINS_DIRECTORY } from './manifest.ts';

/** Options of `readHome`. */
export interface ReadHomeOptions {
  /** Whether the plugins are of interest. */
  readonly listPlugins: boolean;
  readonly abortSignal?: AbortSignal;
}

/** What a capture looks at. */
export interface HomeState {
  readonly authText: string;
  readonly configText: string;
  readonly content: HomeContent;
}

/** A login or a configuration is some KiB; more is something else. */
const maxFileBytes = 4 * 1024 ** 2;

/** Lists what lies below a directory, each path ended by NUL. Nothing, where it is missing. */
const listScript = `
cd "$1" || exit 0
[ -d "$2" ] || exit 0
find "$2" ! -type d -exec sh -c 'printf "%s\\0" "$@"' sh {} +
`;

/** Reads logins and configuration of a home, as far as they are there. */
export async function readHome(host: Host, home: string, options: ReadHomeOptions): Promise<HomeState> {
  const { listPlugins, ...signal } = options;
  const [authText, configText, plugins] = await Promise.all([
    readText(host, `${home}/${AUTH_FILE}`, signal),
    readText(host, `${home}/${CONFIG_FILE}`, signal),
    listPlugins ? listFiles(host, home, PLUGINS_DIRECTORY, signal) : [],
  ]);
  return {
    authText: authText ?? '',
    configText: configText ?? '',
    content: { auth: parseObject(authText), config: parseObject(configText), plugins },
  };
}

/** Reads the configuration of a home; `undefined` where there is none that can be read. */
export async function readConfig(
  host: Host,
  home: string,
  options: { readonly abortSignal?: AbortSignal },
): Promise<JsonObject | undefined> {
  return parseObject(await readText(host, `${home}/${CONFIG_FILE}`, options));
}

/** Writes the configuration of a home, readable by its owner alone. */
export async function writeConfig(
  host: Host,
  home: string,
  text: string,
  options: { readonly abortSignal?: AbortSignal },
): Promise<void> {
  await writeFiles(host, home, [{ path: CONFIG_FILE, content: text, mode: 0o600 }], options);
}

async function readText(
  host: Host,
  path: string,
  options: { readonly abortSignal?: AbortSignal },
): Promise<string | undefined> {
  const content = await readFile(host, path, { ...options, maxBytes: maxFileBytes });
  return content?.toString('utf8');
}

async function listFiles(
  host: Host,
  home: string,
  directory: string,
  options: { readonly abortSignal?: AbortSignal },
): Promise<readonly string[]> {
  const { stdout } = await runChecked(host, shellScript(listScript, home, directory), {
    ...options,
    what: `Cannot list ${home}/${directory}`,
  });
  return stdout
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '');
}
