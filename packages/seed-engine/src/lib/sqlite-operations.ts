import type { DatabaseSync, StatementSync } from 'node:sqlite';

import { selectIds, sqliteIndex } from './sqlite-list.ts';
import type { DocumentRow, DocumentWrite, SqliteOperations } from './sqlite-protocol.ts';

// All at once, 120 MB kept other writers waiting for 1.2 s and the log grew as large; so many at a time, for a tenth of that.
const givenBackPages = 200;

/** The store's operations on an open database. Synchronous: they run in a thread of their own. */
export function sqliteOperations(database: DatabaseSync): SqliteOperations {
  const prepared = new Map<string, StatementSync>();
  const sql = (text: string): StatementSync => {
    let statement = prepared.get(text);
    if (statement === undefined) prepared.set(text, (statement = database.prepare(text)));
    return statement;
  };
  const transaction = <Result>(body: () => Result): Result => {
    // IMMEDIATE: the lock is taken, and waited for, before anything is read.
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = body();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      rollBack(database);
      throw error;
    }
  };
  const current = (collection: string, id: string): { revision: number; blobs: string[] } | undefined => {
    const row = sql('SELECT revision, blobs FROM documents WHERE collection = ? AND id = ?').get(collection, id);
    if (row === undefined) return undefined;
    return { revision: Number(row['revision']), blobs: JSON.parse(String(row['blobs'])) };
  };
  const firstNotOwned = (document: DocumentWrite, added: readonly string[]): string | undefined =>
    added.find(
      (blob) =>
        sql(`SELECT 1 FROM intents JOIN blobs ON blobs.id = intents.blob
             WHERE intents.blob = ? AND intents.collection = ? AND intents.owner = ?`).get(
          blob,
          document.collection,
          document.id,
        ) === undefined,
    );
  const settle = (blob: string): void => {
    sql('DELETE FROM intents WHERE blob = ?').run(blob);
  };
  const dropBlob = (blob: string): boolean => {
    sql('DELETE FROM chunks WHERE blob = ?').run(blob);
    settle(blob);
    return Number(sql('DELETE FROM blobs WHERE id = ?').run(blob).changes) > 0;
  };
  const touch = (blob: string, at: number): boolean =>
    Number(sql('UPDATE intents SET at = ? WHERE blob = ?').run(at, blob).changes) > 0;

  return {
    ensureIndexes(indexes) {
      for (const index of indexes) database.exec(sqliteIndex(index));
    },
    get: (collection, ids) =>
      ids.flatMap((id): DocumentRow[] => {
        const row = sql('SELECT revision, body FROM documents WHERE collection = ? AND id = ?').get(collection, id);
        if (row === undefined) return [];
        return [{ id, revision: Number(row['revision']), body: String(row['body']) }];
      }),
    list(collection, options) {
      const { text, parameters } = selectIds(options);
      return database
        .prepare(text)
        .all(collection, ...parameters)
        .map((row) => String(row['id']));
    },
    insert: (document) =>
      transaction(() => {
        const { collection, id, body, blobs } = document;
        if (current(collection, id) !== undefined) return 'exists';
        const notOwned = firstNotOwned(document, blobs);
        if (notOwned !== undefined) return { notOwned };
        sql('INSERT INTO documents VALUES (?, ?, 1, ?, ?)').run(collection, id, body, JSON.stringify(blobs));
        blobs.forEach(settle);
        return 'done';
      }),
    replace: (document, revision) =>
      transaction(() => {
        const { collection, id, body, blobs } = document;
        const before = current(collection, id);
        if (before === undefined) return 'missing';
        if (before.revision !== revision) return 'conflict';
        const added = blobs.filter((blob) => !before.blobs.includes(blob));
        const notOwned = firstNotOwned(document, added);
        if (notOwned !== undefined) return { notOwned };
        sql(`UPDATE documents SET revision = ?, body = ?, blobs = ?
             WHERE collection = ? AND id = ?`).run(revision + 1, body, JSON.stringify(blobs), collection, id);
        added.forEach(settle);
        before.blobs.filter((blob) => !blobs.includes(blob)).forEach(dropBlob);
        return 'done';
      }),
    remove: (collection, id, revision) =>
      transaction(() => {
        const before = current(collection, id);
        if (before === undefined) return 'missing';
        if (revision !== undefined && before.revision !== revision) return 'conflict';
        sql('DELETE FROM documents WHERE collection = ? AND id = ?').run(collection, id);
        before.blobs.forEach(dropBlob);
        return 'done';
      }),
    announce(blob, collection, owner, at) {
      sql('INSERT INTO intents VALUES (?, ?, ?, ?)').run(blob, collection, owner, at);
    },
    writeChunk: (blob, n, data, at) =>
      transaction(() => {
        if (!touch(blob, at)) return undefined;
        sql('INSERT INTO chunks VALUES (?, ?, ?)').run(blob, n, data);
        return data;
      }),
    finishBlob: ({ id, name, metadata, sizeBytes, sha256, at }) =>
      transaction(() => {
        if (!touch(id, at)) return false;
        sql(`INSERT INTO blobs
             SELECT blob, collection, owner, ?, ?, ?, ?, ? FROM intents WHERE blob = ?`).run(
          name,
          metadata,
          sizeBytes,
          sha256,
          at,
          id,
        );
        return true;
      }),
    statBlob(blob) {
      const row = sql('SELECT size, sha256 FROM blobs WHERE id = ?').get(blob);
      return row && { sizeBytes: Number(row['size']), sha256: String(row['sha256']) };
    },
    readChunk(blob, n) {
      const data = sql('SELECT data FROM chunks WHERE blob = ? AND n = ?').get(blob, n)?.['data'];
      return data instanceof Uint8Array ? data : undefined;
    },
    // A blob that still has its intent is named by no document: both change in one transaction.
    discardBlob: (blob) =>
      transaction(() => sql('SELECT 1 FROM intents WHERE blob = ?').get(blob) !== undefined && dropBlob(blob)),
    sweep(olderThan) {
      let removedBlobs = 0;
      // One transaction each: nobody waits behind a long sweep.
      for (const row of sql('SELECT blob FROM intents WHERE at <= ?').all(olderThan)) {
        const blob = String(row['blob']);
        removedBlobs += transaction(() => {
          const intent = sql('SELECT 1 FROM intents WHERE blob = ? AND at <= ?').get(blob, olderThan);
          if (intent === undefined) return 0;
          dropBlob(blob);
          return 1;
        });
      }
      const young = Number(sql('SELECT count(*) AS n FROM intents').get()?.['n'] ?? 0);
      return { removedBlobs, keptBlobs: 0, youngIntents: young };
    },
    giveBack() {
      const free = (): number => Number(sql('PRAGMA freelist_count').get()?.['freelist_count'] ?? 0);
      const before = free();
      if (before > 0) database.exec(`PRAGMA incremental_vacuum(${givenBackPages})`);
      return free() < before;
    },
  };
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // After a full disk or an I/O error SQLite has rolled back by itself, and says that there is nothing to do.
  }
}
