import { chmodSync, closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { sqliteFormat } from './sqlite-schema-format.ts';

// How long to wait for another process that writes to the same file.
const busyTimeoutMs = 15_000;

const schema = `
  CREATE TABLE documents (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    blobs TEXT NOT NULL,
    PRIMARY KEY (collection, id)
  ) STRICT;
  CREATE TABLE blobs (
    id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    metadata TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    created INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE chunks (
    blob TEXT NOT NULL,
    n INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (blob, n)
  ) STRICT;
  CREATE TABLE intents (
    blob TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    owner TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  PRAGMA user_version = ${sqliteFormat};
`;

/** What `openDatabase` found instead of a database it knows. */
export class FormatTooNewError extends Error {
  readonly format: number;

  constructor(format: number) {
    super(`format ${format}`);
    this.format = format;
  }
}

/** Opens the file, readable by its owner alone, and makes the tables where they are not there. */
export function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Opening a FIFO would wait for its other end, for ever.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error('it is not a regular file');
  // Made here: SQLite would follow the umask. Its -wal and -shm take the mode of the file.
  closeSync(openSync(path, 'a', 0o600));
  // A file that is no database was named by mistake, and stays as it is; SQLite says so below.
  if (isDatabaseOrEmpty(path)) chmodSync(path, 0o600);
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    prepare(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Which file lies at a path. */
export function fileIdentity(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'none' : `${found.dev}:${found.ino}`;
}

function isDatabaseOrEmpty(path: string): boolean {
  const magic = 'SQLite format 3\0';
  const head = Buffer.alloc(magic.length);
  const file = openSync(path, 'r');
  try {
    const length = readSync(file, head);
    return length === 0 || head.toString('latin1') === magic;
  } finally {
    closeSync(file);
  }
}

function prepare(database: DatabaseSync): void {
  // Refuse before anything is changed, even the journal's mode.
  const format = readFormat(database);
  if (format > sqliteFormat) throw new FormatTooNewError(format);
  // Space of removed blobs can be given back; only effective before the first table, and a write whenever it is said.
  if (format < sqliteFormat) database.exec('PRAGMA auto_vacuum = INCREMENTAL');
  database.exec('PRAGMA journal_mode = WAL');
  // Every commit reaches the disk: a seed that was reported as saved is.
  database.exec('PRAGMA synchronous = FULL');
  if (format === sqliteFormat) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    const seen = readFormat(database); // Another process may have been first.
    if (seen > sqliteFormat) throw new FormatTooNewError(seen);
    if (seen < sqliteFormat) database.exec(schema);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function readFormat(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}
