import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseKnownHosts, type KnownHostsLine } from './known-hosts.ts';

/** A known_hosts file to read. */
export interface KnownHostsFile {
  readonly path: string;
  /** Whether it need not be there. One that is there and cannot be read refuses the host in any case. */
  readonly isOptional: boolean;
}

/** The files that OpenSSH reads unless it is told otherwise. None of them needs to be there. */
export function defaultKnownHostsFiles(home: string): {
  readonly user: readonly KnownHostsFile[];
  readonly global: readonly KnownHostsFile[];
} {
  const optional = (path: string): KnownHostsFile => ({ path, isOptional: true });
  return {
    user: ['known_hosts', 'known_hosts2'].map((name) => optional(join(home, '.ssh', name))),
    global: ['ssh_known_hosts', 'ssh_known_hosts2'].map((name) => optional(join('/etc/ssh', name))),
  };
}

/** The lines of all files, in their order. */
export async function readKnownHosts(files: readonly KnownHostsFile[]): Promise<readonly KnownHostsLine[]> {
  const lists = await Promise.all(
    files.map(async (file) => parseKnownHosts(await readKnownHostsText(file), file.path)),
  );
  return lists.flat();
}

/** The text of a file, one character for each byte: names in it are compared as bytes. */
export async function readKnownHostsText({ path, isOptional }: KnownHostsFile): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if (isOptional && (error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
