import { formatResumeLogLine, RESUME_LOG_FILE } from '@optio-ts/agents-prompt';
import type { LogProtocol } from '@optio-ts/agents-prompt';
import { agentSessionFiles } from '@optio-ts/agents-session';
import { clearWay, HostError, readFile, writeFiles } from '@optio-ts/host-core';
import type { Host, HostFile, HostProbe, Workspace } from '@optio-ts/host-core';
import { importSession } from '@optio-ts/opencode-launcher';
import type { OpencodeConfig, OpencodeProgram } from '@optio-ts/opencode-launcher';
import { readSnapshotBlob } from '@optio-ts/seed-engine';
import type { Snapshot } from '@optio-ts/seed-engine';

import { AGENTS_FILE, composeFiles, placeFiles, PROJECT_INSTRUCTIONS_FILE } from './compose-files.ts';
import { effectiveExcludes, LOGIN_FILES } from './excludes.ts';
import { chooseModel, withModel } from './model-choice.ts';
import { modelMissing } from './model-missing.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { restoreWorkdir } from './restore-snapshot.ts';
import type { SessionEmit } from './session-emit.ts';
import { takeSeed } from './session-seed.ts';
import type { SessionSeed } from './session-seed.ts';

/** opencode's configuration in the agent's home, in the workdir. */
const HOME_CONFIG_FILE = 'home/.config/opencode/opencode.json';

const MOST_BYTES_WITH_START = 1_048_576;

/** A workdir as opencode is started in it. */
export interface FilledWorkdir {
  /** The task's configuration, as it lies in the workdir. */
  readonly config: OpencodeConfig;
  /** The home's configuration before an agent touched it; `undefined` when nobody knows. */
  readonly homeConfig: OpencodeConfig | undefined;
  /** `provider/model`; `undefined` when a person chooses. */
  readonly model: string | undefined;
  /** The seed whose login the agent has; `undefined` for a login of its own. */
  readonly seed: SessionSeed | undefined;
  /** What is still to be written to the workdir, with the start: few and small files that nobody reads before. */
  readonly files: readonly HostFile[];
  /** The line of this start in `resume.log`, where it is still to be written. */
  readonly resumeLogLine: string | undefined;
}

/** Where a workdir is filled. */
export interface FillWorkdirContext {
  readonly probe: HostProbe;
  readonly binary: OpencodeProgram;
  readonly workspace: Workspace;
  readonly protocol: LogProtocol;
  /** Of the session document. */
  readonly sessionId: string;
  /** Called once, when there is a seed to give back in the end. */
  readonly onSeed: (seed: SessionSeed) => void;
  readonly emit: SessionEmit;
  readonly abortSignal: AbortSignal;
}

/** Plants the seed, then writes the task's files and our own in one trip, or has them written with the start. */
export async function fillFreshWorkdir(
  options: StartOpencodeSessionOptions,
  context: FillWorkdirContext,
): Promise<FilledWorkdir> {
  const { host, seedId } = options;
  const { workspace, protocol, emit, abortSignal } = context;
  const seed = seedId === undefined ? undefined : await takeSeed(options, { ...context, seedId, isResumed: false });
  const homeConfig = options.homeConfig ?? seed?.planted?.config;
  const model = choose(options, homeConfig, seed?.planted?.model);
  const taskConfig = model === undefined ? (options.config ?? {}) : withModel(options.config, homeConfig, model);

  const given: HostFile[] = [];
  for await (const file of options.files ?? []) given.push(file);
  const own = ownFiles(options, context, taskConfig);
  const { files, replaced, hasInstructions } = placeFiles(given, own);
  for (const path of replaced) {
    const message = `The task's file ${path} is left out: the session's own takes its place`;
    emit({ type: 'warning', code: 'FILE_REPLACED', message });
  }
  const config = hasInstructions
    ? withInstructions(taskConfig, workspace.resolve(PROJECT_INSTRUCTIONS_FILE))
    : taskConfig;
  const all: readonly HostFile[] = [
    ...files,
    ...agentSessionFiles({ protocol, workdir: workspace.workdir }),
    { path: RESUME_LOG_FILE, content: formatResumeLogLine({ at: new Date() }), mode: 0o600 },
    ...ownFiles(options, context, config),
  ];
  const filled = { config, homeConfig, model, seed, resumeLogLine: undefined };
  if (options.hooks?.beforeExecute === undefined && areSmall(all)) return { ...filled, files: all };
  await writeFiles(host, workspace.workdir, all, { abortSignal });
  return { ...filled, files: [] };
}

/** Whether files may travel with a start, which is given a minute for all. */
function areSmall(files: readonly HostFile[]): boolean {
  let left = MOST_BYTES_WITH_START;
  for (const file of files) {
    if ('sizeBytes' in file) return false;
    if ('content' in file) left -= file.content.length;
  }
  return left >= 0;
}

/** Brings workdir, login and session of a snapshot back, and renews our own files in it. */
export async function fillResumedWorkdir(
  options: StartOpencodeSessionOptions,
  context: FillWorkdirContext & { readonly snapshot: Snapshot },
): Promise<FilledWorkdir> {
  const { host, store, cipher, confine, env } = options;
  const { workspace, binary, probe, snapshot, emit, abortSignal } = context;
  await restoreWorkdir({ host, store, cipher, workspace, snapshot, abortSignal });
  const beneath = workspace.taskDirectory;
  const names = [...ownFiles(options, context, {}).map(({ path }) => path), HOME_CONFIG_FILE, ...LOGIN_FILES];
  const paths = [...new Set(names)];
  for (const path of await clearWay(host, workspace.workdir, paths, { abortSignal })) {
    const message = `The agent had put something else in the place of ${path}: it is removed`;
    emit({ type: 'warning', code: 'FILE_REPLACED', message });
  }
  const seedId = snapshot.seedId ?? options.seedId;
  const seed = seedId === undefined ? undefined : await takeSeed(options, { ...context, seedId, isResumed: true });
  const [oldAgents, homeConfig] = await Promise.all([
    readShort(host, workspace.resolve(AGENTS_FILE), { beneath, abortSignal }),
    options.homeConfig ?? readHomeConfig(options, context),
  ]);
  const model = choose(options, homeConfig, undefined);
  const config = model === undefined ? (options.config ?? {}) : withModel(options.config, homeConfig, model);
  const own = ownFiles(options, context, config);
  await writeFiles(host, workspace.workdir, own, { beneath, abortSignal });
  const imported = await importSession({
    host,
    workspace,
    binary,
    probe,
    abortSignal,
    content: readSnapshotBlob(store, cipher, snapshot, 'session', { abortSignal }),
    ...(confine && { confine }),
    ...(env && { env }),
  });
  for (const failure of imported.failures) {
    emit({
      type: 'warning',
      code: 'SUBAGENT_NOT_RESTORED',
      message: `A subagent's session did not come back: ${failure}`,
    });
  }
  const newAgents = own.find(({ path }) => path === AGENTS_FILE);
  const isSame = newAgents !== undefined && 'content' in newAgents && oldAgents?.toString('utf8') === newAgents.content;
  const resumeLogLine = formatResumeLogLine({ at: new Date(), refreshed: isSame ? [] : [AGENTS_FILE] });
  // What the agent may have changed in its home is good for this session, and never for a seed.
  return { config, homeConfig: options.homeConfig, model, seed, resumeLogLine, files: [] };
}

/** Reads a file of ours; `undefined` when it is missing, or the agent has made it so large that it is none of ours. */
async function readShort(
  host: Host,
  path: string,
  options: { readonly beneath: string; readonly abortSignal: AbortSignal },
): Promise<Buffer | undefined> {
  try {
    return await readFile(host, path, { ...options, maxBytes: 1_048_576 });
  } catch (error) {
    if (HostError.is(error) && error.code === 'OUTPUT_LIMIT') return undefined;
    throw error;
  }
}

/** The configuration that the agent's home came back with. An agent may have changed it, so it is never kept in a seed. */
async function readHomeConfig(
  { host }: StartOpencodeSessionOptions,
  { workspace, abortSignal }: FillWorkdirContext,
): Promise<OpencodeConfig | undefined> {
  const path = workspace.resolve(HOME_CONFIG_FILE);
  const text = await readShort(host, path, { beneath: workspace.taskDirectory, abortSignal });
  if (text === undefined) return undefined;
  try {
    const config: unknown = JSON.parse(text.toString('utf8'));
    return typeof config === 'object' && config !== null ? (config as OpencodeConfig) : undefined;
  } catch {
    // opencode says what is wrong with it, better than this could.
    return undefined;
  }
}

function ownFiles(
  options: StartOpencodeSessionOptions,
  { protocol, binary }: FillWorkdirContext,
  config: OpencodeConfig,
): HostFile[] {
  const { task, homeConfig, login, autoStart, supportsResume = true, workdirExclude } = options;
  return composeFiles({
    protocol,
    task,
    config,
    homeConfig,
    login,
    version: binary.version,
    isAttended: autoStart !== true,
    resume: supportsResume && { excludes: effectiveExcludes(workdirExclude) },
  });
}

function choose(
  { model, config, autoStart, taskId }: StartOpencodeSessionOptions,
  homeConfig: OpencodeConfig | undefined,
  seedModel: string | undefined,
): string | undefined {
  const chosen = chooseModel({ model, config, homeConfig, seedModel });
  if (chosen === undefined && autoStart === true) throw modelMissing(taskId);
  return chosen;
}

function withInstructions(config: OpencodeConfig, path: string): OpencodeConfig {
  const given = config['instructions'];
  return { ...config, instructions: [...(Array.isArray(given) ? given : []), path] };
}
