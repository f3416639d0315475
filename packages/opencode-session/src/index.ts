export type { PermissionAnswer, PermissionPolicy, QuestionAnswer, QuestionPolicy } from './lib/agent-requests.ts';
export { OpencodeSessionError } from './lib/errors.ts';
export type { OpencodeSessionErrorCode } from './lib/errors.ts';
export type {
  LiveEvent,
  OpencodeSessionEvent,
  PermissionAskedEvent,
  QuestionAskedEvent,
  RequestSettledEvent,
  SeedSavedEvent,
  SeedUpdatedEvent,
  SnapshotSavedEvent,
} from './lib/events.ts';
export type { OpencodeSession, OpencodeSessionResult, OpencodeUi } from './lib/opencode-session.ts';
export type { SaveSeedOptions, StartOpencodeSessionOptions } from './lib/options.ts';
export type { PickSeed, PickSeedContext } from './lib/pick-seed.ts';
export type { ReachedOpencodeSession, ReachOpencodeSessionOptions } from './lib/reach-session.ts';
export { reachOpencodeSession } from './lib/reach-session.ts';
export type { RefreshedTask, RefreshTask } from './lib/refresh-task.ts';
export type {
  RecoveredSession,
  RecoveredSessionOptions,
  RecoverOpencodeSessionsOptions,
} from './lib/recover-options.ts';
export { recoverOpencodeSessions } from './lib/recover-opencode-sessions.ts';
export { startOpencodeSession } from './lib/start-opencode-session.ts';
export { widgetData } from './lib/widget-data.ts';
export type { WidgetData } from './lib/widget-data.ts';
