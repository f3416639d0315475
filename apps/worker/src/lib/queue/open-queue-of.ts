import type { CommandContext } from '../commands/context.ts';
import { WorkerError } from '../errors.ts';
import { connectMongo } from '../mongo-connection.ts';
import { isMongoUrl } from '../places.ts';
import { printableLine } from '../printable.ts';
import { openQueue, startQueueWorker } from './agenda-queue.ts';
import type { QueueWorker, StartQueueWorkerOptions, TaskQueue } from './agenda-queue.ts';

/** Throws `REFUSED` for a store that has no queue. */
export function refuseWithoutQueue({ places }: Pick<CommandContext, 'places'>): void {
  if (isMongoUrl(places.store)) return;
  throw new WorkerError(
    'REFUSED',
    'a queue is shared through a MongoDB: name one with --store mongodb://… or in the configuration; optio run needs none',
  );
}

/** Opens the queue of the store, to put tasks into it. Throws `REFUSED` for a store that has none. */
export async function openQueueOf({ places, stderr }: Pick<CommandContext, 'places' | 'stderr'>): Promise<TaskQueue> {
  refuseWithoutQueue({ places });
  const { close, db } = await connectMongo(places.store);
  const onError = (message: string): void => {
    stderr.write(`optio: the queue: ${printableLine(message)}\n`);
  };
  const queue = await openQueue({ db, onError });
  return {
    push: (task) => queue.push(task),
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]();
      await close();
    },
  };
}

/** Starts to take tasks from the queue of the store. Throws `REFUSED` for a store that has none. */
export async function startWorkerOf(
  { places }: Pick<CommandContext, 'places'>,
  options: Omit<StartQueueWorkerOptions, 'db'>,
): Promise<QueueWorker> {
  refuseWithoutQueue({ places });
  const { close, db } = await connectMongo(places.store);
  const worker = await startQueueWorker({ ...options, db });
  return {
    push: (task) => worker.push(task),
    drain: () => worker.drain(),
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      await close();
    },
  };
}
