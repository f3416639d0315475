import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** What lies below a directory, as one text per entry: to show that nothing was changed. SQLite's shared memory changes when it is read. */
export async function digestTree(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(directory, path);
      if (/-(?:shm|wal)$/.test(name)) return '';
      const { mode } = await lstat(path);
      const content = entry.isFile()
        ? createHash('sha256')
            .update(await readFile(path))
            .digest('hex')
        : entry.isSymbolicLink()
          ? await readlink(path)
          : '';
      return `${name} ${mode.toString(8)} ${content}`;
    }),
  );
  return lines.filter((line) => line !== '').toSorted();
}
