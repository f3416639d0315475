import { setImmediate } from 'node:timers/promises';

import { outlastLink } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

import { checkFiles } from './open-checked-file.ts';
import type { CheckedFile, CheckedFileRequest } from './open-checked-file.ts';

/** Options of `createCheckBatch`. */
export interface CreateCheckBatchOptions {
  readonly host: Host;
  readonly request: Omit<CheckedFileRequest, 'path' | 'abortSignal'>;
  /** Milliseconds without a link after which a check has failed. */
  readonly reconnectLimitMs: number;
  /** Ends the checks that are under way; they count as failed. */
  readonly abortSignal: AbortSignal;
}

/** What became of a check. */
export type CheckResult = CheckedFile | { readonly error: unknown };

/** No system opens a longer path. */
const MAX_PATH = 4096;
/** A command that may be sent over any link. */
const MAX_CHARACTERS = 32_768;
const MAX_PATHS = 128;

/**
 * Makes what checks files: one round trip at a time, in which all go along that were asked for meanwhile. An agent that
 * announces two thousand files that are not there costs some twenty of them, not two thousand.
 */
export function createCheckBatch({
  host,
  request,
  reconnectLimitMs,
  abortSignal,
}: CreateCheckBatchOptions): (path: string) => Promise<CheckResult> {
  let waiting: Waiting[] = [];
  let isRunning = false;

  const run = async (): Promise<void> => {
    isRunning = true;
    // The lines that came with this one ask as well.
    await setImmediate();
    while (waiting.length > 0) {
      const batch = waiting.slice(0, countBatch(waiting));
      waiting = waiting.slice(batch.length);
      const paths = batch.map(({ path }) => path);
      const results: readonly CheckResult[] = await outlastLink(
        () => checkFiles(host, { ...request, abortSignal }, paths),
        { abortSignal, limitMs: reconnectLimitMs },
      ).catch((error: unknown) => paths.map(() => ({ error })));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] ?? NOT_FOUND);
    }
    isRunning = false;
  };

  return (path) => {
    if (path.length > MAX_PATH) return Promise.resolve(NOT_FOUND);
    return new Promise((resolve) => {
      waiting.push({ path, resolve });
      if (!isRunning) void run();
    });
  };
}

interface Waiting {
  readonly path: string;
  readonly resolve: (result: CheckResult) => void;
}

const NOT_FOUND: CheckedFile = { isAccepted: false, refusal: 'not-found', sizeBytes: undefined };

function countBatch(waiting: readonly Waiting[]): number {
  let characters = 0;
  for (const [index, { path }] of waiting.entries()) {
    characters += path.length;
    if (index === MAX_PATHS || (index > 0 && characters > MAX_CHARACTERS)) return index;
  }
  return waiting.length;
}
