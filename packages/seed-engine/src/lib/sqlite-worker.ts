import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

import { sqliteOperations } from './sqlite-operations.ts';
import {
  ownedBuffers,
  type SqliteFailure,
  type SqliteOperations,
  type SqliteReply,
  type SqliteRequest,
} from './sqlite-protocol.ts';
import { fileIdentity, FormatTooNewError, openDatabase } from './sqlite-schema.ts';

// The thread of a SQLite store. It imports no package by name: it must run from source as well, where nothing
// resolves them.

// `node:sqlite` warns that it is experimental; the thread has no other warnings that anybody could act on.
process.removeAllListeners('warning');

const { path } = workerData as { readonly path: string };
const port = parentPort;
let database: DatabaseSync | undefined;
let operations: SqliteOperations | undefined;
let opened: string | undefined;

port?.on('message', (request: SqliteRequest | 'close') => {
  if (request === 'close') {
    // The last connection to close moves the log into the file.
    database?.close();
    port.close();
    return;
  }
  const { call, operation, parameters } = request;
  try {
    database ??= openDatabase(path);
    opened ??= fileIdentity(path);
    // A file without a name takes everything and keeps nothing.
    if (fileIdentity(path) !== opened) {
      throw new Error('the file was removed or replaced while it was open; end all that use it, then start again');
    }
    operations ??= sqliteOperations(database);
    const run = operations[operation] as (...values: readonly unknown[]) => unknown;
    answer({ call, value: run(...parameters) });
  } catch (error) {
    answer({ call, failure: describe(error) });
  }
});

function answer(reply: SqliteReply): void {
  port?.postMessage(reply, 'value' in reply ? ownedBuffers([reply.value]) : []);
}

function describe(error: unknown): SqliteFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof FormatTooNewError) {
    return { code: 'STORE_TOO_NEW', message, format: error.format };
  }
  // SQLite's result codes: the low byte is the kind, the rest tells more.
  const result = (error as { errcode?: number }).errcode;
  const kind = result === undefined ? undefined : result % 256;
  if (kind === 5 || kind === 6) return { code: 'STORE_BUSY', message };
  if (kind === 11 || kind === 26) return { code: 'STORE_CORRUPT', message };
  return { code: 'STORE_FAILED', message };
}
