import { MongoClient } from 'mongodb';
import type { Db } from 'mongodb';

import { WorkerError, messageOf } from './errors.ts';

/** A database, and the way to let go of it. */
export interface MongoConnection {
  readonly db: Db;
  readonly close: () => Promise<void>;
}

/** How long a server is looked for before it counts as not there. */
const SELECTION_MS = 5000;

/**
 * Connects to the database of a `mongodb://` URL, `optio` where it names none. Throws `REFUSED` for a URL that is none, and
 * `STORE_UNREACHABLE`. The URL is in no message: it may hold a password.
 */
export async function connectMongo(url: string): Promise<MongoConnection> {
  let client: MongoClient;
  try {
    const selection = /[?&]serverSelectionTimeoutMS=/i.test(url) ? {} : { serverSelectionTimeoutMS: SELECTION_MS };
    client = new MongoClient(url, { ...selection, appName: 'optio' });
  } catch (error) {
    throw new WorkerError('REFUSED', `the store's mongodb:// URL cannot be used: ${withoutUrl(error, url)}`, {
      cause: error,
    });
  }
  try {
    await client.connect();
    const db = client.db(databaseOf(url));
    // Connecting alone may not ask for the login.
    await db.command({ ping: 1 });
    return { db, close: () => client.close() };
  } catch (error) {
    await client.close();
    const where = client.options.hosts.map((host) => host.toString()).join(', ');
    throw new WorkerError(
      'STORE_UNREACHABLE',
      `the store's MongoDB (${where}) cannot be used: ${withoutUrl(error, url)}; start it, or name another store`,
      { cause: error },
    );
  }
}

/** The name of the database in a URL. */
export function databaseOf(url: string): string {
  const name = /^mongodb(?:\+srv)?:\/\/[^/?]+\/([^?]+)/i.exec(url)?.[1];
  return name === undefined ? 'optio' : decodeURIComponent(name);
}

function withoutUrl(error: unknown, url: string): string {
  return messageOf(error).replaceAll(url, '(the URL)');
}
