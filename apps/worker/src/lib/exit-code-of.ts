import { HostError } from '@optio-ts/host-core';
import { OpencodeInstallError } from '@optio-ts/opencode-installer';
import { OpencodeError } from '@optio-ts/opencode-launcher';
import { OpencodeSeedError } from '@optio-ts/opencode-seeds';
import { SeedEngineError } from '@optio-ts/seed-engine';

import { WorkerError } from './errors.ts';
import type { WorkerErrorCode } from './errors.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** The exit code for something that was thrown. */
export function exitCodeOf(error: unknown): number {
  if (WorkerError.is(error)) return WORKER_CODES[error.code] ?? EXIT_CODES.usage;
  // An id that nothing has is the caller's mistake, and none of the store.
  if (SeedEngineError.is(error) && UNKNOWN_IDS.has(error.code)) return EXIT_CODES.usage;
  // A home that is not fit to be kept as a seed, or a seed that holds code.
  if (OpencodeSeedError.is(error) && error.code !== 'VERSION_UNSUPPORTED') return EXIT_CODES.usage;
  if (SeedEngineError.is(error) || OpencodeSeedError.is(error)) return EXIT_CODES.store;
  if (HostError.is(error) || OpencodeInstallError.is(error) || OpencodeError.is(error)) {
    return EXIT_CODES.host;
  }
  return EXIT_CODES.defect;
}

const WORKER_CODES: Partial<Record<WorkerErrorCode, number>> = {
  INTERRUPTED: EXIT_CODES.cancelled,
  STORE_UNREACHABLE: EXIT_CODES.store,
  DETACH_FAILED: EXIT_CODES.host,
};

const UNKNOWN_IDS: ReadonlySet<string> = new Set(['SEED_NOT_FOUND', 'SESSION_NOT_FOUND']);

/** The exit code for how a session ended. */
export function exitCodeOfResult(result: {
  readonly state: 'done' | 'failed' | 'cancelled' | 'lost';
  readonly reason: string;
  readonly error?: unknown;
}): number {
  if (result.state === 'done') return EXIT_CODES.done;
  if (result.state === 'cancelled') return EXIT_CODES.cancelled;
  if (result.error !== undefined && result.reason === 'setup-failed') return exitCodeOf(result.error);
  return result.state === 'lost' || result.reason === 'setup-failed' ? EXIT_CODES.host : EXIT_CODES.failed;
}
