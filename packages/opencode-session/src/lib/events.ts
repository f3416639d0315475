import type { AgentEvent, EventEnvelope } from '@optio-ts/agents-session';

/** opencode answers: the session can be watched and driven from here on. */
export interface LiveEvent extends EventEnvelope {
  readonly type: 'live';
  /** opencode's own UI on this machine, opened at this session. Behind the password of `OpencodeSession.ui`. */
  readonly url: string;
  /** Of the opencode that runs, for instance `1.18.33`. */
  readonly version: string;
  /** opencode's own id of the session. */
  readonly opencodeSessionId: string;
  /** Whether the agent sees only its task directory. */
  readonly isConfined: boolean;
}

/** The login and model of this session were kept. */
export interface SeedSavedEvent extends EventEnvelope {
  readonly type: 'seed-saved';
  readonly seedId: string;
  /** The model a session from this seed uses, `provider/model`. */
  readonly model: string | undefined;
}

/** The agent's login has rotated, and the seed that the session started from has the new one. */
export interface SeedUpdatedEvent extends EventEnvelope {
  readonly type: 'seed-updated';
  readonly seedId: string;
}

/** Workdir, login and opencode's session were kept: the task can be resumed. */
export interface SnapshotSavedEvent extends EventEnvelope {
  readonly type: 'snapshot-saved';
  readonly snapshotId: string;
}

/** Everything a session tells, by `type`. */
export type OpencodeSessionEvent = AgentEvent | LiveEvent | SeedSavedEvent | SeedUpdatedEvent | SnapshotSavedEvent;
