import { rm } from 'node:fs/promises';

import { connectMongo } from '../mongo-connection.ts';
import { processesKnowing } from './start-optio.ts';

/**
 * Ends a test's place: what still runs there, its directory, and its database where it had one (`storeUrl`). Resolves with the processes
 * that were left, which a test wants to be none.
 */
export async function clearPlace(
  directory: string,
  storeUrl: string | undefined,
): Promise<Awaited<ReturnType<typeof processesKnowing>>> {
  const left = await processesKnowing(directory);
  for (const { pid } of left) process.kill(pid, 'SIGKILL');
  await rm(directory, { recursive: true, force: true });
  if (storeUrl !== undefined) {
    const { close, db } = await connectMongo(storeUrl);
    await db.dropDatabase();
    await close();
  }
  return left;
}
