export { archiveDirectory } from './lib/archive.ts';
export type { ArchiveOptions, ArchiveWarning } from './lib/archive.ts';
export { checkCommand, checkMilliseconds, checkPort } from './lib/check-command.ts';
export { clearWay } from './lib/clear-way.ts';
export { collectOutput } from './lib/collect-output.ts';
export type { CollectOutputOptions } from './lib/collect-output.ts';
export { commandError, cwdNotFoundError, outputLimitError } from './lib/command-errors.ts';
export type { CommandErrorCode } from './lib/command-errors.ts';
export { createByteQueue } from './lib/byte-queue.ts';
export type { ByteQueue, ByteQueueOptions } from './lib/byte-queue.ts';
export { downloadFile } from './lib/download-file.ts';
export type { DownloadedFile } from './lib/download-listener.ts';
export type { DownloadFileOptions, DownloadProgress } from './lib/download-options.ts';
export { CommandFailedError, DownloadFailedError, HostError } from './lib/errors.ts';
export type { DownloadFailure, HostErrorCode } from './lib/errors.ts';
export { feedStdin } from './lib/feed-stdin.ts';
export type { StdinFeed } from './lib/feed-stdin.ts';
export { DEFAULT_KEPT_ENVIRONMENT } from './lib/kept-environment.ts';
export { DEFAULT_EXCLUDES, createExcludeMatcher } from './lib/exclude-matcher.ts';
export type { ExcludeMatcher } from './lib/exclude-matcher.ts';
export type {
  Bytes,
  Command,
  CommandOptions,
  ForwardPortOptions,
  Host,
  HostProcess,
  KillOptions,
  PortForward,
  ProcessExit,
  RunOptions,
  RunResult,
  SpawnOptions,
  StdinSource,
} from './lib/host.ts';
export { killCommand, killExitCodes } from './lib/kill-script.ts';
export type { KillRoot, KillTarget } from './lib/kill-script.ts';
export { createLocalHost } from './lib/local-host.ts';
export type { CreateLocalHostOptions } from './lib/local-host.ts';
export { firstError, isLinkFault, isUnreached, outlastLink } from './lib/outlast-link.ts';
export type { OutlastLinkOptions } from './lib/outlast-link.ts';
export type { PathOptions } from './lib/path-access.ts';
export { hashFile, removePath, statPath } from './lib/path-info.ts';
export type { PathInfo } from './lib/path-info.ts';
export { pushFile } from './lib/push-file.ts';
export type { PushFileOptions } from './lib/push-file.ts';
export { openFile } from './lib/open-file.ts';
export type { OpenedFile } from './lib/open-file.ts';
export { readFile } from './lib/read-file.ts';
export type { ReadFileOptions } from './lib/read-file.ts';
export { fetchFile } from './lib/fetch-file.ts';
export type { FetchFileOptions } from './lib/fetch-file.ts';
export { restoreDirectory } from './lib/restore.ts';
export type { RestoreOptions, RestoreResult } from './lib/restore.ts';
export { commandFailed, describeExit, outputTail, runChecked } from './lib/run-checked.ts';
export type { RunCheckedOptions } from './lib/run-checked.ts';
export { RUN_ID_VARIABLE, createRunId } from './lib/run-id.ts';
export { shellJoin, shellQuote, shellScript } from './lib/script.ts';
export { startTimer } from './lib/start-timer.ts';
export { confineCommand } from './lib/confine.ts';
export type { ConfineMode, ConfineOptions } from './lib/confine.ts';
export { probeHost, probedTools } from './lib/probe.ts';
export type { HostProbe, ProbeHostOptions } from './lib/probe.ts';
export { checkTaskRoot, localTaskRoot, remoteTaskRoot } from './lib/task-directory.ts';
export type { TaskRootOptions } from './lib/task-directory.ts';
export { TaskDirectoryInUseError } from './lib/workspace-errors.ts';
export { openWorkspace } from './lib/workspace.ts';
export type { CloseWorkspaceOptions, OpenWorkspaceOptions, Workspace } from './lib/workspace.ts';
export { followLines } from './lib/follow-lines.ts';
export type { FollowOptions, GrowingFile } from './lib/follow-lines.ts';
export type { FollowInterruption, FollowRewriting } from './lib/follow-silence.ts';
export type { FollowedLine } from './lib/follow-state.ts';
export { findSupervised, startSupervised } from './lib/supervised.ts';
export type { FindSupervisedOptions, StartSupervisedOptions } from './lib/supervised.ts';
export type { RenewLeaseOptions, StopSupervisedOptions, SupervisedProcess } from './lib/supervised-process.ts';
export type { SupervisedExit } from './lib/supervised-exit.ts';
export { writeFiles } from './lib/write-files.ts';
export type { FilesToWrite } from './lib/write-files.ts';
export type { HostFile, HostFileContent, HostFileDirectory, HostFileLink, HostFileStream } from './lib/write-files.ts';
export { ensureArtifact } from './lib/ensure-artifact.ts';
export type { Artifact, ArtifactStage, EnsureArtifactOptions } from './lib/ensure-artifact.ts';
export { stageFile } from './lib/stage-file.ts';
export type { StagedFile } from './lib/stage-file.ts';
