import type { AgentEvent, EventEnvelope } from '@optio-ts/agents-session';
import type { OpencodeQuestionRequest } from '@optio-ts/opencode-launcher';

import type { WidgetData } from './widget-data.ts';

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
  /** For the interface of the original's engine. */
  readonly widgetData: WidgetData;
}

/** The agent wants to do something and may not without leave; `OpencodeSession.answerPermission` gives it. */
export interface PermissionAskedEvent extends EventEnvelope {
  readonly type: 'permission-asked';
  readonly requestId: string;
  /** Which kind: `bash`, `edit`, `external_directory`… */
  readonly permission: string;
  /** What for: commands or paths. */
  readonly patterns: readonly string[];
}

/** The agent asks something; `OpencodeSession.answerQuestion` answers it. */
export interface QuestionAskedEvent extends EventEnvelope {
  readonly type: 'question-asked';
  readonly requestId: string;
  readonly questions: OpencodeQuestionRequest['questions'];
}

/** A permission or question that was asked for has its answer, from whomever. */
export interface RequestSettledEvent extends EventEnvelope {
  readonly type: 'request-settled';
  readonly requestId: string;
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
export type OpencodeSessionEvent =
  | AgentEvent
  | LiveEvent
  | PermissionAskedEvent
  | QuestionAskedEvent
  | RequestSettledEvent
  | SeedSavedEvent
  | SeedUpdatedEvent
  | SnapshotSavedEvent;
