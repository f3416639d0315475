import { setTimeout as delay } from 'node:timers/promises';

import type { SupervisedProcess } from '@optio-ts/host-core';

/** The watcher of a process looks every quarter of a second. On a link that is gone it never will. */
const MAXIMUM_WATCH_MS = 5000;

/**
 * Ends a process and confirms it, and waits until its end is known here too: until then a watcher of ours is still running on
 * the host. Throws what `SupervisedProcess.stop` throws.
 */
export async function endProcess(process: SupervisedProcess, graceMs: number): Promise<void> {
  const noticed = process.exited.then(ignore, ignore); // whoever wants to know looks at `exited` itself
  await process.stop({ graceMs });
  const enough = new AbortController();
  await Promise.race([noticed, delay(MAXIMUM_WATCH_MS, undefined, { signal: enough.signal }).catch(ignore)]);
  enough.abort();
}

function ignore(): void {
  // Nothing to do.
}
