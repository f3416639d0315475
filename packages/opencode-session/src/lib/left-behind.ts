import type { DecidedOutcome, FoundSession, LogPosition } from '@optio-ts/agents-session';
import type { Host, SupervisedProcess } from '@optio-ts/host-core';
import type { SessionDocument } from '@optio-ts/seed-engine';

import type { SessionDetails } from './session-details.ts';

/** What a worker that is gone has left of a session, as far as it was found. */
export interface LeftBehind {
  /** Where its log was read to. */
  readonly log: LogPosition;
  /** How it had been decided to end; `undefined` for one that goes on. */
  readonly decided: DecidedOutcome | undefined;
  readonly details: SessionDetails;
  /** Of its server. `undefined` when it could not be opened: the server then serves nobody. */
  readonly password: string | undefined;
  /** Its server's, running or not; `undefined` when nothing is on record. */
  readonly server: SupervisedProcess | undefined;
  /** All that was started for it under supervision. */
  readonly processes: readonly SupervisedProcess[];
}

/** A session that this worker has claimed, and what it found of it. */
export interface ClaimedSession {
  readonly document: SessionDocument;
  readonly host: Host;
  readonly found: FoundSession;
  /** Whether its snapshot is in the store. */
  readonly isSaved: boolean;
}

/** How a session had been decided to end; `undefined` for one that was not. */
export function decidedOf({ state, outcome }: SessionDocument): DecidedOutcome | undefined {
  if (state !== 'ending' || outcome === undefined) return undefined;
  return {
    state: outcome.state as DecidedOutcome['state'],
    reason: (outcome.reason ?? 'agent-lost') as DecidedOutcome['reason'],
    message: outcome.message,
  };
}
