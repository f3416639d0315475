import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';

import { startLink, type LinkCounts, type StartLinkOptions } from './link.ts';

/** A link whose delay runs in a thread of its own: what the measured side computes does not hold its bytes up. */
export interface LinkThread extends AsyncDisposable {
  /** Port on 127.0.0.1 to connect to instead of the target. */
  readonly port: number;
  /** What passed since it was started or since the last call. */
  takeCounts(): Promise<LinkCounts>;
  close(): Promise<void>;
}

/** Starts `startLink` in a thread: for benchmarks. */
export async function startLinkThread(options: StartLinkOptions): Promise<LinkThread> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options });
  const [port] = (await once(worker, 'message')) as [number];
  const close = async (): Promise<void> => {
    await worker.terminate();
  };
  return {
    port,
    async takeCounts() {
      worker.postMessage('counts');
      const [counts] = (await once(worker, 'message')) as [LinkCounts];
      return counts;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

if (parentPort !== null) {
  const parent = parentPort;
  const link = await startLink(workerData as StartLinkOptions);
  parent.on('message', () => {
    parent.postMessage(link.counts());
    link.resetCounts();
  });
  parent.postMessage(link.port);
}
