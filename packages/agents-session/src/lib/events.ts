import type {
  AttentionEntry,
  BrowserEntry,
  DomainMessageEntry,
  DoneEntry,
  ErrorEntry,
  KeywordName,
  StatusEntry,
} from '@optio-ts/agents-prompt';
import type { Bytes } from '@optio-ts/host-core';

import type { SessionOutcome } from './outcome.ts';

/** What every event carries. */
export interface EventEnvelope {
  /**
   * Names the event for good. `<sessionId>:<generation>:<offset>` for what the agent wrote: the generation of its log and the
   * byte at which the line starts, the same when the line is read again. `<sessionId>:w<fencing>:<n>` for what the harness
   * says: the fencing number of the worker and a count from 0.
   */
  readonly id: string;
  readonly sessionId: string;
  /** When it was emitted, by this machine's clock. */
  readonly at: Date;
}

/** An event as it is given to `emit`, which adds the envelope. */
export type EventBody<Event extends EventEnvelope> = Event extends unknown ? Omit<Event, keyof EventEnvelope> : never;

/** The agent says where it is. */
export type StatusEvent = EventEnvelope & StatusEntry;

/** The agent is finished. */
export type DoneEvent = EventEnvelope & DoneEntry;

/** The agent gives up. */
export type ErrorEvent = EventEnvelope & ErrorEntry;

/** The agent, or the idle policy in its place, calls for a person. */
export type AttentionEvent = EventEnvelope & AttentionEntry;

/** The agent wants an http or https address opened. */
export type BrowserEvent = EventEnvelope & BrowserEntry;

/** The agent passes data to the program that started it. */
export type DomainMessageEvent = EventEnvelope & DomainMessageEntry;

/** A line of the log that is no entry. */
export interface LogEvent extends EventEnvelope {
  readonly type: 'log';
  readonly text: string;
  /** The keyword that the line nearly was; absent for a plain note. */
  readonly resembles?: KeywordName;
}

/** A file that the agent handed over, checked on the host. */
export interface Deliverable {
  /** As the agent wrote it. */
  readonly path: string;
  /** Where it really lies below `deliverables/`, with `/` between segments. */
  readonly name: string;
  /** When it was announced. */
  readonly sizeBytes: number;
  /**
   * Opens the file on the host, checks it again and streams it from the very file that was checked. May be called again; each
   * call reads anew. Read it in the hook, or before the next event is asked for: the end of the session waits for that, and may remove
   * the file after it. Throws `DELIVERABLE_UNREADABLE` when it is gone, leads elsewhere, or became larger than allowed or shorter
   * while it was read.
   */
  readonly content: (options?: DeliverableContentOptions) => Bytes;
}

/** Options of `Deliverable.content`. */
export interface DeliverableContentOptions {
  /** Ends the reading, on the host too. */
  readonly abortSignal?: AbortSignal;
}

/** The agent handed over a file, and `onDeliverable`, if there is one, has taken it. */
export interface DeliverableEvent extends EventEnvelope, Deliverable {
  readonly type: 'deliverable';
}

/** Why a file that the agent announced is not delivered. */
export type DeliverableRefusal =
  | 'not-found'
  | 'not-a-file'
  | 'outside-workdir'
  | 'outside-deliverables'
  | 'too-large'
  | 'unreadable'
  | 'check-failed'
  | 'hook-failed'
  /** The hook failed because the link was lost under something that it could not do twice. */
  | 'link-lost';

/** A file that the agent announced is not delivered. */
export interface DeliverableRejectedEvent extends EventEnvelope {
  readonly type: 'deliverable-rejected';
  /** As the agent wrote it. */
  readonly path: string;
  readonly refusal: DeliverableRefusal;
  /** The refusal in words. */
  readonly reason: string;
}

/** The harness says what it does. */
export interface ProgressEvent extends EventEnvelope {
  readonly type: 'progress';
  /** A short name of the step, for instance `launch`. */
  readonly step: string;
  readonly message: string;
  /** 0 to 100; absent when it cannot be known. */
  readonly percent?: number;
}

/** Something went wrong that does not end the session. */
export interface WarningEvent extends EventEnvelope {
  readonly type: 'warning';
  /** Stable identifier, for instance `LOG_INTERRUPTED`. */
  readonly code: string;
  readonly message: string;
}

/** The last event of a session. */
export interface EndedEvent extends EventEnvelope {
  readonly type: 'ended';
  readonly outcome: SessionOutcome;
}

/** Everything that an agent's session tells, by `type`. */
export type AgentEvent =
  | StatusEvent
  | DeliverableEvent
  | DeliverableRejectedEvent
  | DoneEvent
  | ErrorEvent
  | BrowserEvent
  | AttentionEvent
  | DomainMessageEvent
  | LogEvent
  | ProgressEvent
  | WarningEvent
  | EndedEvent;

/** A place in the agent's log. */
export interface LogPosition {
  /** Counts the files that had the log's name, as `followLines` does. */
  readonly generation: number;
  /** Bytes from the start of that file. */
  readonly offset: number;
  /** Of what was read before, so that a log that is replaced while nobody reads it is noticed. @default unknown */
  readonly fingerprint?: string | undefined;
}
