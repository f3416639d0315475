import { Worker } from 'node:worker_threads';

import { SeedEngineError } from './errors.ts';
import { ownedBuffers, type SqliteFailure, type SqliteOperations, type SqliteReply } from './sqlite-protocol.ts';
import { sqliteFormat } from './sqlite-schema-format.ts';
import { storeTooNew } from './store-errors.ts';

/** Calls an operation in the thread. */
export type CallSqlite = <Operation extends keyof SqliteOperations>(
  operation: Operation,
  ...parameters: Parameters<SqliteOperations[Operation]>
) => Promise<ReturnType<SqliteOperations[Operation]>>;

/** The thread that holds the database. */
export interface SqliteThread {
  readonly call: CallSqlite;
  /** Waits for the calls under way, then closes the database. */
  close(): Promise<void>;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

// Chunks of blobs pass through it, which the collector counts by the size of the young generation before it looks.
const resourceLimits = { maxYoungGenerationSizeMb: 2 };

/** Starts the thread at the first call; it keeps the process alive only while a call is under way. */
export function createSqliteThread(path: string, description: string): SqliteThread {
  const pending = new Map<number, Pending>();
  let calls = 0;
  let worker: Worker | undefined;
  let idle = Promise.withResolvers<void>();

  const start = (): Worker => {
    const started = new Worker(workerFile(), { workerData: { path }, execArgv: [], env: {}, resourceLimits });
    started.on('message', (reply: SqliteReply) => {
      const { resolve, reject } = pending.get(reply.call) ?? {};
      pending.delete(reply.call);
      if (pending.size === 0) {
        started.unref();
        idle.resolve();
      }
      if ('failure' in reply) reject?.(asError(reply.failure, description));
      else resolve?.(reply.value as never);
    });
    const fail = (cause?: Error): void => {
      if (worker === started) worker = undefined; // The next call starts another.
      const error = new SeedEngineError('STORE_FAILED', `The thread of ${description} ended`, {
        cause,
      });
      for (const { reject } of pending.values()) reject(error);
      pending.clear();
      idle.resolve();
    };
    started.on('error', fail);
    started.on('exit', () => fail());
    return started;
  };

  return {
    call: (operation, ...parameters) => {
      worker ??= start();
      if (pending.size === 0) {
        worker.ref();
        idle = Promise.withResolvers<void>();
      }
      const call = (calls += 1);
      const { promise, resolve, reject } = Promise.withResolvers<never>();
      pending.set(call, { resolve, reject });
      worker.postMessage({ call, operation, parameters }, ownedBuffers(parameters));
      return promise;
    },
    async close() {
      if (pending.size > 0) await idle.promise;
      if (worker === undefined) return;
      const exited = new Promise((resolve) => worker?.once('exit', resolve));
      worker.ref();
      worker.postMessage('close');
      await exited;
    },
  };
}

/** Beside this file, from source and as built. */
function workerFile(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./sqlite-worker.${extension}`, import.meta.url);
}

function asError({ code, message, format }: SqliteFailure, description: string): SeedEngineError {
  if (format !== undefined) return storeTooNew(description, format, sqliteFormat);
  return new SeedEngineError(code, `${description}: ${message}`);
}
