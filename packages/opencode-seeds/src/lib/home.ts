import { readFile } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import type { SeedContents, SeedFiles } from '@optio-ts/seed-engine';

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

/** The files that say what a home is. */
export const HOME_FILES: readonly string[] = [AUTH_FILE, CONFIG_FILE];

/** A login is some KiB; more is something else. */
const maxFileBytes = 4 * 1024 ** 2;

/** What an archive says of the home that it was made from. */
export function homeContent(files: SeedFiles, { members, digests }: SeedContents): HomeContent {
  const plugins = members.filter((name) => name.startsWith(`${PLUGINS_DIRECTORY}/`) || name === PLUGINS_DIRECTORY);
  return {
    auth: parseObject(textOf(files[AUTH_FILE])),
    config: parseObject(textOf(files[CONFIG_FILE])),
    plugins: new Map(plugins.map((name) => [name, digests.get(name) ?? ''])),
  };
}

/** The logins in a home; `undefined` where there is no file that holds any. One round trip. */
export async function readLogins(host: Host, home: string, access: HomeAccess): Promise<JsonObject | undefined> {
  const content = await readFile(host, `${home}/${AUTH_FILE}`, { ...access, maxBytes: maxFileBytes });
  return parseObject(textOf(content));
}

/** A file's content as text; `undefined` where there is none. */
function textOf(content: Uint8Array | undefined): string | undefined {
  return content && Buffer.from(content).toString('utf8');
}
