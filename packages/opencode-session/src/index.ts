export { OpencodeSessionError } from './lib/errors.ts';
export type { OpencodeSessionErrorCode } from './lib/errors.ts';
export type {
  LiveEvent,
  OpencodeSessionEvent,
  SeedSavedEvent,
  SeedUpdatedEvent,
  SnapshotSavedEvent,
} from './lib/events.ts';
export type { OpencodeSession, OpencodeSessionResult, OpencodeUi } from './lib/opencode-session.ts';
export type { SaveSeedOptions, StartOpencodeSessionOptions } from './lib/options.ts';
export { startOpencodeSession } from './lib/start-opencode-session.ts';
