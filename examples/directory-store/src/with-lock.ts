import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Makes a function that runs one piece of work at a time, among all processes of this machine that name the same thing. The lock
 * is a socket without a file, which Linux gives back when its holder dies: nobody has to judge whether a lock is stale.
 */
export function createLock(name: string): <Value>(work: () => Promise<Value>) => Promise<Value> {
  const path = `\0optio-directory-store-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  let queue: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = queue.then(async () => {
      const lock = await take(path);
      try {
        return await work();
      } finally {
        lock.close();
        await once(lock, 'close');
      }
    });
    queue = done.catch(() => undefined);
    return done;
  };
}

async function take(path: string): Promise<ReturnType<typeof createServer>> {
  for (;;) {
    const lock = createServer();
    try {
      lock.listen(path);
      await once(lock, 'listening');
      return lock;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await delay(5);
    }
  }
}
