export { adoptOpencode } from './lib/adopt-opencode.ts';
export type { AdoptOpencodeOptions } from './lib/adopt-opencode.ts';
export { connectOpencode } from './lib/connect-opencode.ts';
export type { ConnectOpencodeOptions } from './lib/connect-opencode.ts';
export { OpencodeError, OpencodeRequestError, OpencodeStartError } from './lib/errors.ts';
export type { OpencodeErrorCode } from './lib/errors.ts';
export { launchOpencode } from './lib/launch-opencode.ts';
export type { LaunchOpencodeOptions } from './lib/launch-opencode.ts';
export type {
  CreateOpencodeSessionOptions,
  OpencodeClient,
  OpencodeDirectoryOptions,
  OpencodeEvent,
  OpencodeMessage,
  OpencodeMessagesOptions,
  OpencodeModel,
  OpencodeModelError,
  OpencodePermissionRequest,
  OpencodePermissionRule,
  OpencodePromptOptions,
  OpencodeQuestionRequest,
  OpencodeRequestOptions,
  OpencodeSession,
  OpencodeSessionStatus,
} from './lib/opencode-client.ts';
export { describeModelError } from './lib/describe-answers.ts';
export type { GrantedPaths } from './lib/opencode-command.ts';
export { HEADLESS_PERMISSIONS, completeOpencodeConfig } from './lib/opencode-config.ts';
export type { CompleteOpencodeConfigOptions, JsonValue, OpencodeConfig } from './lib/opencode-config.ts';
export { opencodeEnvironment } from './lib/opencode-environment.ts';
export type { OpencodeEnvironmentOptions } from './lib/opencode-environment.ts';
export { opencodeFiles, opencodeHomeFiles } from './lib/opencode-files.ts';
export type { AuthEntry, OpencodeFilesOptions, OpencodeHomeFilesOptions } from './lib/opencode-files.ts';
export { opencodePaths } from './lib/opencode-paths.ts';
export type { OpencodePaths, TaskDirectories } from './lib/opencode-paths.ts';
export type { OpencodeServer, StopOpencodeOptions } from './lib/opencode-server.ts';
export type { OpencodeProgram, OpencodeTaskOptions, OpencodeWarning } from './lib/runtime.ts';
export type { ExportSessionOptions, SessionExport } from './lib/session-export.ts';
export { importSession } from './lib/session-import.ts';
export type { ImportSessionOptions, ImportSessionResult } from './lib/session-import.ts';
export { OpencodeConnectionError } from './lib/transport.ts';
