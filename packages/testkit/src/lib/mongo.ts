import { MongoMemoryServer } from 'mongodb-memory-server-core';

import { findMongod } from './mongod-binary.ts';

/** A MongoDB server that tests may write to. Take a database of your own and drop it. */
export interface RunningMongo extends AsyncDisposable {
  readonly uri: string;
  /** Ends the server, if it was started here, and removes its files. Idempotent. */
  stop(): Promise<void>;
}

/** A server, or why there is none here: what would have to be there, after the words "needs". */
export type MongoResult =
  | { readonly mongo: RunningMongo; readonly reason?: never }
  | { readonly mongo?: never; readonly reason: string };

/** Uses the server of `MONGODB_URI`, or starts a `mongod` on loopback with its files in a temporary directory. */
export async function startMongo(): Promise<MongoResult> {
  const uri = process.env['MONGODB_URI'];
  if (uri !== undefined && uri !== '') return { mongo: running(uri, async () => {}) };

  const binary = await findMongod();
  if (binary.path === undefined) return { reason: binary.reason };
  // It must never download by itself, and what version it thinks it has does not matter.
  process.env['MONGOMS_RUNTIME_DOWNLOAD'] = 'false';
  const server = await MongoMemoryServer.create({
    binary: { systemBinary: binary.path, checkMD5: false, version: '6.0.5' },
    // Its default for this version keeps everything in memory, which no real server does.
    instance: { ip: '127.0.0.1', storageEngine: 'wiredTiger', args: ['--wiredTigerCacheSizeGB', '0.25'] },
  });
  return {
    mongo: running(server.getUri(), async () => {
      await server.stop();
    }),
  };
}

function running(uri: string, end: () => Promise<void>): RunningMongo {
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= end());
  return { uri, stop, [Symbol.asyncDispose]: stop };
}
