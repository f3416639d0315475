import { readdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';

import { matchesPattern } from '../patterns.ts';

/** The files that an Include pattern names, in order of their names; one that does not exist is none. */
export async function includedFiles(pattern: string, directory: string): Promise<readonly string[]> {
  const absolute = isAbsolute(pattern) ? pattern : join(directory, pattern);
  if (/[[\]{}]/.test(absolute)) throw new Error('brackets in the pattern are not supported');
  let found: readonly string[] = ['/'];
  for (const segment of absolute.split('/').filter((part) => part !== '')) {
    if (!/[*?]/.test(segment)) {
      found = found.map((path) => join(path, segment));
      continue;
    }
    const lists = await Promise.all(
      found.map(async (path) =>
        (await readdir(path).catch(() => []))
          // As in a shell: hidden files only where the pattern says so.
          .filter((name) => matchesPattern(segment, name) && (!name.startsWith('.') || segment.startsWith('.')))
          .toSorted((a, b) => (a < b ? -1 : 1))
          .map((name) => join(path, name)),
      ),
    );
    found = lists.flat();
  }
  return found;
}
