import { HostError } from '@optio-ts/host-core';
import { OpencodeInstallError } from '@optio-ts/opencode-installer';
import { OpencodeError } from '@optio-ts/opencode-launcher';
import { SeedEngineError } from '@optio-ts/seed-engine';

import { WorkerError } from './errors.ts';

/** What the `optio` command's exit codes mean; the README's table says the same. */
export const EXIT_CODES = {
  /** The agent said DONE and everything it delivered is saved. */
  done: 0,
  /** The agent said ERROR, or ended in another way that is its own or its model's, or a deliverable could not be saved. */
  failed: 1,
  /** The command line or the task file is wrong, or what it names is not there. Nothing was started. */
  usage: 2,
  /** Ended in good order before it was done: by one Ctrl-C or SIGTERM, or by a cancel from elsewhere. */
  cancelled: 3,
  /** The host, its link or the installation of opencode. */
  host: 4,
  /** The store or the key to it. */
  store: 5,
  /** A defect of optio itself. */
  defect: 70,
} as const;

/** The exit code for something that was thrown. */
export function exitCodeOf(error: unknown): number {
  if (WorkerError.is(error)) return error.code === 'INTERRUPTED' ? EXIT_CODES.cancelled : EXIT_CODES.usage;
  if (SeedEngineError.is(error)) return EXIT_CODES.store;
  if (HostError.is(error) || OpencodeInstallError.is(error) || OpencodeError.is(error)) {
    return EXIT_CODES.host;
  }
  return EXIT_CODES.defect;
}

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
