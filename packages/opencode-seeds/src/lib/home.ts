import { readFile, runChecked, shellScript, writeFiles } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

import type { HomeContent } from './active-content.ts';
import { parseObject } from './config.ts';
import type { JsonObject } from './config.ts';
import { AUTH_FILE, CONFIG_FILE, PLUGINS_DIRECTORY } from './manifest.ts';

/** How a home is reached. */
export interface HomeAccess {
  /** A trusted directory at or above the home; no link below it is followed. @default links are followed */
  readonly beneath?: string;
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
export async function readHome(host: Host, home: string, access: HomeAccess, listPlugins: boolean): Promise<HomeState> {
  const [authText, configText, plugins] = await Promise.all([
    readText(host, `${home}/${AUTH_FILE}`, access),
    readText(host, `${home}/${CONFIG_FILE}`, access),
    listPlugins ? listFiles(host, home, PLUGINS_DIRECTORY, access) : [],
  ]);
  return {
    authText: authText ?? '',
    configText: configText ?? '',
    content: { auth: parseObject(authText), config: parseObject(configText), plugins },
  };
}

/** Reads the configuration of a home; `undefined` where there is none that can be read. */
export async function readConfig(host: Host, home: string, access: HomeAccess): Promise<JsonObject | undefined> {
  return parseObject(await readText(host, `${home}/${CONFIG_FILE}`, access));
}

/** Writes the configuration of a home, readable by its owner alone. */
export async function writeConfig(host: Host, home: string, text: string, access: HomeAccess): Promise<void> {
  await writeFiles(host, home, [{ path: CONFIG_FILE, content: text, mode: 0o600 }], access);
}

async function readText(host: Host, path: string, access: HomeAccess): Promise<string | undefined> {
  const content = await readFile(host, path, { ...access, maxBytes: maxFileBytes });
  return content?.toString('utf8');
}

async function listFiles(host: Host, home: string, directory: string, access: HomeAccess): Promise<readonly string[]> {
  const { stdout } = await runChecked(host, shellScript(listScript, home, directory), {
    ...(access.abortSignal === undefined ? {} : { abortSignal: access.abortSignal }),
    what: `Cannot list ${home}/${directory}`,
  });
  return stdout
    .toString('utf8')
    .split('\0')
    .filter((path) => path !== '');
}
