import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * What lies below a directory, as one text per entry: to show that nothing was changed. Of a database its rows count, and not the
 * pages: an upload that is announced and taken back leaves the same rows.
 */
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
            .update(await contentOf(path))
            .digest('hex')
        : entry.isSymbolicLink()
          ? await readlink(path)
          : '';
      return `${name} ${mode.toString(8)} ${content}`;
    }),
  );
  return lines.filter((line) => line !== '').toSorted();
}

async function contentOf(path: string): Promise<string | Buffer> {
  const bytes = await readFile(path);
  if (!bytes.subarray(0, 15).equals(Buffer.from('SQLite format 3'))) return bytes;
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    const format = database.prepare('PRAGMA user_version').get();
    return JSON.stringify([format, names.map(({ name }) => database.prepare(`SELECT * FROM "${String(name)}"`).all())]);
  } finally {
    database.close();
  }
}
