import { keepAgentAlive } from '@optio-ts/agents-session';
import type { OpencodeServer } from '@optio-ts/opencode-launcher';

import { messageOf } from './errors.ts';
import type { SessionEmit } from './session-emit.ts';

/** As `startSupervised` has it. */
const DEFAULT_LEASE_MS = 24 * 60 * 60 * 1000;

/** Options of `keepServerAlive`. */
export interface KeepServerAliveOptions {
  /** @default 24 hours */
  readonly leaseMs: number | undefined;
  readonly emit: SessionEmit;
  readonly abortSignal: AbortSignal;
}

/** Renews the lease of a server on its host as long as this worker has its session. */
export function keepServerAlive(
  { process }: Pick<OpencodeServer, 'process'>,
  { leaseMs = DEFAULT_LEASE_MS, emit, abortSignal }: KeepServerAliveOptions,
): void {
  keepAgentAlive({
    process,
    leaseMs,
    abortSignal,
    onFailure: (error) => {
      const message = `The agent's lease on its host was not renewed: ${messageOf(error)}`;
      emit({ type: 'warning', code: 'AGENT_LEASE_NOT_RENEWED', message });
    },
  });
}
