import { realpath } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';

/** Where npm is on this machine. Both decide which configuration files are npm's. */
export interface NpmLocation {
  /** The folder of the npm package: its `npmrc` is the one a distribution ships. */
  readonly npmPath: string;
  /** The Node that npm runs on: the global configuration is found from its prefix. */
  readonly execPath: string;
}

/**
 * Looks along `path` for npm and for the Node it would run on. This process may run on another Node than the user's npm does;
 * without this look their global configuration (a company's registry, its CA) would not be found.
 */
export async function findNpm(path: string, execPath: string = process.execPath): Promise<NpmLocation> {
  const directories = path.split(delimiter).filter((directory) => isAbsolute(directory));
  const cli = await firstRealPath(directories, 'npm', (file) => file.endsWith('/bin/npm-cli.js'));
  const node = await firstRealPath(directories, 'node', (file) => file.endsWith('/bin/node'));
  return {
    // Without npm: a folder in which no `npmrc` is, so that only user, global and environment count.
    npmPath: cli === undefined ? dirname(execPath) : dirname(dirname(cli)),
    execPath: node ?? execPath,
  };
}

async function firstRealPath(
  directories: readonly string[],
  name: string,
  accept: (file: string) => boolean,
): Promise<string | undefined> {
  for (const directory of directories) {
    try {
      const file = await realpath(join(directory, name));
      if (accept(file)) return file;
    } catch {
      // Not in this directory: the search goes on.
    }
  }
  return undefined;
}
