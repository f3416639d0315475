export { agentSessionFiles } from './lib/agent-session-files.ts';
export type { AgentSessionFile, AgentSessionFilesOptions } from './lib/agent-session-files.ts';
export { checkSessionNumbers } from './lib/check-session-options.ts';
export type { SessionNumbers } from './lib/check-session-options.ts';
export { AgentSessionError } from './lib/errors.ts';
export type { AgentSessionErrorCode } from './lib/errors.ts';
export { createEventStream } from './lib/event-stream.ts';
export type { CreateEventStreamOptions, EventStream } from './lib/event-stream.ts';
export type {
  AgentEvent,
  AttentionEvent,
  BrowserEvent,
  Deliverable,
  DeliverableContentOptions,
  DeliverableEvent,
  DeliverableRefusal,
  DeliverableRejectedEvent,
  DomainMessageEvent,
  DoneEvent,
  EndedEvent,
  ErrorEvent,
  EventBody,
  EventEnvelope,
  LogEvent,
  LogPosition,
  ProgressEvent,
  StatusEvent,
  WarningEvent,
} from './lib/events.ts';
export type { CopySource } from './lib/copy-source.ts';
export type { CopyOptions, HookContext, HookDownloadOptions, HookRunOptions, ReadOptions } from './lib/hook-context.ts';
export type { AgentActivity } from './lib/idle-policy.ts';
export { findLeftSession, holderId } from './lib/find-left-session.ts';
export type { FindLeftSessionOptions, FoundSession } from './lib/find-left-session.ts';
export { keepAgentAlive } from './lib/keep-agent-alive.ts';
export type { KeepAgentAliveOptions } from './lib/keep-agent-alive.ts';
export { planRecovery } from './lib/plan-recovery.ts';
export type { LeftSession, RecoveryPlan } from './lib/plan-recovery.ts';
export { decideOutcome } from './lib/outcome.ts';
export type {
  DecidedOutcome,
  SessionEnding,
  SessionEndReason,
  SessionFacts,
  SessionOutcome,
  SessionProblem,
  SessionState,
} from './lib/outcome.ts';
export { prepareWorkdir } from './lib/prepare-workdir.ts';
export type { PreparedWorkdir, PrepareWorkdirOptions } from './lib/prepare-workdir.ts';
export { runAgentSession } from './lib/run-agent-session.ts';
export type { AgentSession } from './lib/run-agent-session.ts';
export type { SessionLease } from './lib/session-lease.ts';
export type {
  AgentSessionHooks,
  EndContext,
  LaunchContext,
  LaunchedAgent,
  RunAgentSessionOptions,
  SendContext,
  SessionLimits,
} from './lib/session-options.ts';
