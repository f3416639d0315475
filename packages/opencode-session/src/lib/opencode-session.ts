import type { SessionEndReason, SessionOutcome, SessionProblem } from '@optio-ts/agents-session';

import type { PermissionAnswer, QuestionAnswer } from './agent-requests.ts';
import type { OpencodeSessionEvent } from './events.ts';

/** opencode's own interface, where this machine reaches it. Whoever has the password has the agent. */
export interface OpencodeUi {
  /** Opens at the session. Behind HTTP Basic. */
  readonly url: string;
  /** Always `opencode`. */
  readonly username: string;
  /** Random for each start. Not for browsers: put a proxy in between that adds it. */
  readonly password: string;
}

/** How a session ended. */
export interface OpencodeSessionResult extends SessionOutcome {
  readonly reason: SessionEndReason;
  readonly problems: readonly SessionProblem[];
  /** Of the session document. */
  readonly sessionId: string;
  /** opencode's own id; `undefined` when it never came to that. */
  readonly opencodeSessionId: string | undefined;
  /** Of the seed that was kept; `undefined` when none was. */
  readonly seedId: string | undefined;
  /** Of the snapshot that a later `resume` starts from; `undefined` when none was kept. */
  readonly snapshotId: string | undefined;
  /** Absolute directory on the host that was left because something in it may not be safe elsewhere; `undefined` when it is gone. */
  readonly keptDirectory: string | undefined;
}

/** A session that runs. */
export interface OpencodeSession {
  /** 24 hex digits: the id of its document and the start of its events' ids. */
  readonly id: string;
  readonly taskId: string;
  /** What happens, in order, for any number of listeners; see `EventStream` of agents-session. Ends with `ended`. */
  readonly events: AsyncIterable<OpencodeSessionEvent>;
  /** How it ended. Rejects only when not even that can be written down; see `problems` for everything else. */
  readonly result: Promise<OpencodeSessionResult>;
  /** opencode's interface from the `live` event on; `undefined` before, and when the session is over. */
  readonly ui: OpencodeUi | undefined;
  /** Answers a `permission-asked`. Throws what opencode's client throws, also when it has its answer already. */
  answerPermission(requestId: string, answer: PermissionAnswer): Promise<void>;
  /** Answers a `question-asked`. Throws as `answerPermission` does. */
  answerQuestion(requestId: string, answer: QuestionAnswer): Promise<void>;
  /** A person drives the agent from now on: nobody minds when it is idle. */
  takeOver(): void;
  /** Ends `takeOver`: an agent that is idle is reminded again. */
  handBack(): void;
  /** Ends the session in good order, unless it is ending already. Resolves as `result` does. */
  cancel(reason?: string): Promise<OpencodeSessionResult>;
  /**
   * Ends the session at once: its processes are killed, nothing more is kept, its directory is removed. Resolves when that is
   * certain; throws `KILL_NOT_CONFIRMED` (`HostError`) where it is not. Idempotent.
   */
  kill(): Promise<void>;
}
