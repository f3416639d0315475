export { isSoak, startCampaign } from './lib/campaign.ts';
export type { Campaign, StartCampaignOptions } from './lib/campaign.ts';
export { startScriptedModel } from './lib/scripted-model.ts';
export type { ModelScript, ScriptedModel, StartScriptedModelOptions } from './lib/scripted-model.ts';
export {
  SCRIPTED_MODEL,
  SCRIPTED_PROVIDER,
  scriptedEnvironment,
  scriptedLogin,
  scriptedProviderConfig,
} from './lib/scripted-model-config.ts';
export type {
  ScriptedProviderConfig,
  ScriptedProviderConfigOptions,
  ScriptedProviderEntry,
} from './lib/scripted-model-config.ts';
export type { ScriptedFailure, ScriptedHang, ScriptedMessage, ScriptedModelReply } from './lib/scripted-model-reply.ts';
export type { ScriptedModelMessage, ScriptedModelRequest, ScriptedToolCall } from './lib/scripted-model-request.ts';
export { logLines, runCommand, taskScript, writeFile } from './lib/scripted-model-task.ts';
export type { ScriptedText, TaskScriptOptions } from './lib/scripted-model-task.ts';
export { startHttpServer } from './lib/http-server.ts';
export type { HttpServer } from './lib/http-server.ts';
export { startLink } from './lib/link.ts';
export type { Link, LinkCounts, StartLinkOptions } from './lib/link.ts';
export { startSshd } from './lib/sshd.ts';
export type { Sshd, SshdResult, StartSshdOptions } from './lib/sshd.ts';
export { startDropbear } from './lib/dropbear.ts';
export type { DropbearResult, StartDropbearOptions } from './lib/dropbear.ts';
export { startSsh2Server } from './lib/ssh2-server.ts';
export type { StartSsh2ServerOptions } from './lib/ssh2-server.ts';
export type { Ssh2CommandRequest, Ssh2Oddity, Ssh2ServeOptions, Ssh2SessionRequest } from './lib/ssh2-oddity.ts';
export type { KeyboardQuestion, KeyboardRound, Ssh2LoginOptions } from './lib/ssh2-login.ts';
export type { SshServer } from './lib/ssh-server.ts';
export type { SshAccountOptions } from './lib/ssh-account.ts';
export type { SshHostKey, SshKeyType } from './lib/ssh-keys.ts';
export { markedProcesses, type MarkedProcess } from './lib/marked-processes.ts';
export { startMongo } from './lib/mongo.ts';
export type { MongoResult, RunningMongo } from './lib/mongo.ts';
export { findMongod } from './lib/mongod-binary.ts';
export type { MongodBinary } from './lib/mongod-binary.ts';
export { originalHooks, type OriginalHooks } from './lib/original-hooks.ts';
export { wrapOpencode, type WrapOpencodeOptions } from './lib/original-opencode.ts';
export { startOriginal } from './lib/original.ts';
export type {
  Original,
  OriginalResult,
  OriginalSession,
  OriginalSessionOptions,
  OriginalStep,
  StartOriginalOptions,
} from './lib/original.ts';
export { startLinkThread } from './lib/link-thread.ts';
export type { LinkThread } from './lib/link-thread.ts';
export { measure, printTable } from './lib/measure.ts';
export type { Measured, MeasureOptions } from './lib/measure.ts';
export { hostileArchives } from './lib/hostile-archives.ts';
export type { HostileArchive, HostileArchivesOptions } from './lib/hostile-archives.ts';
export { createHostileSandbox } from './lib/hostile-sandbox.ts';
export type { HostileSandbox } from './lib/hostile-sandbox.ts';
export { rawTar, tarEnd } from './lib/raw-tar.ts';
export type { RawMember } from './lib/raw-tar.ts';
