import { createLogProtocol } from '@optio-ts/agents-prompt';
import type { LogProtocol } from '@optio-ts/agents-prompt';
import { createRunId, openWorkspace, probeHost, writeFiles } from '@optio-ts/host-core';
import type { HostFile, HostProbe, Workspace } from '@optio-ts/host-core';
import { ensureOpencode } from '@optio-ts/opencode-installer';
import type { OpencodeBinary } from '@optio-ts/opencode-installer';
import type { OpencodeConfig } from '@optio-ts/opencode-launcher';
import { opencodeSeeds } from '@optio-ts/opencode-seeds';

import { composeFiles, placeFiles, PROJECT_INSTRUCTIONS_FILE } from './compose-files.ts';
import { OpencodeSessionError } from './errors.ts';
import { chooseModel, withModel } from './model-choice.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import type { SessionEmit } from './session-emit.ts';

/** A host that is ready for opencode to be started on. */
export interface PreparedSession {
  readonly probe: HostProbe;
  readonly binary: OpencodeBinary;
  readonly workspace: Workspace;
  readonly protocol: LogProtocol;
  /** The task's configuration, as it lies in the workdir. */
  readonly config: OpencodeConfig;
  /** The home's configuration before an agent touched it. */
  readonly homeConfig: OpencodeConfig | undefined;
  /** `provider/model`; `undefined` when a person chooses. */
  readonly model: string | undefined;
}

/** What the preparation is given beside the caller's options. */
export interface PrepareSessionContext {
  readonly emit: SessionEmit;
  readonly abortSignal: AbortSignal;
  /** The first thing that is made, and what must be removed in the end. Called once, as early as it is known. */
  readonly onRunKnown: (run: { readonly runId: string; readonly taskDirectory: string }) => Promise<void>;
  readonly onWorkspace: (workspace: Workspace) => void;
}

/** Probes the host, finds or installs opencode, makes the task's directory and fills it. Throws what fails; nothing runs yet. */
export async function prepareSession(
  options: StartOpencodeSessionOptions,
  context: PrepareSessionContext,
): Promise<PreparedSession> {
  const { host, taskId, store, cipher } = options;
  const { emit, abortSignal } = context;
  const seeds = opencodeSeeds({ store, cipher });

  emit({ type: 'progress', step: 'probe', message: `Looking at ${host.description}` });
  // What cannot work is found out before the host is touched.
  const seed = options.seedId === undefined ? undefined : await seeds.require(options.seedId);
  const model = chooseModel({ ...pick(options), seedModel: seed?.model });
  if (model === undefined && options.autoStart === true) throw modelMissing(taskId);
  const probe = await probeHost(host, { abortSignal });

  const runId = createRunId();
  const taskRoot = options.taskRoot ?? `${probe.stateHome}/optio-opencode`;
  await context.onRunKnown({ runId, taskDirectory: `${taskRoot}/${taskId}` });

  const opening = openWorkspace(host, {
    taskId,
    runId,
    fresh: 'empty',
    abortSignal,
    ...(options.taskRoot && { taskRoot }),
  });
  const installing = ensureOpencode(host, {
    probe,
    abortSignal,
    ...(options.source && { source: options.source }),
    ...(options.cacheDirectory !== undefined && { cacheDirectory: options.cacheDirectory }),
    onProgress: (progress) => emit({ type: 'progress', ...progress }),
    onWarning: (warning) => emit({ type: 'warning', ...warning }),
  });
  // Both are waited for, whichever fails: a directory that was made meanwhile must be known.
  const [workspaceResult, binaryResult] = await Promise.allSettled([opening, installing]);
  if (workspaceResult.status === 'fulfilled') context.onWorkspace(workspaceResult.value);
  if (binaryResult.status === 'rejected') throw binaryResult.reason;
  if (workspaceResult.status === 'rejected') throw workspaceResult.reason;
  const workspace = workspaceResult.value;
  const binary = binaryResult.value;

  emit({ type: 'progress', step: 'prepare', message: `Preparing ${workspace.taskDirectory}` });
  const protocol = createLogProtocol({ browser: options.browser ?? 'suppress' });
  if (options.seedId !== undefined) {
    await seeds.plant({
      host,
      home: workspace.home,
      seedId: options.seedId,
      opencodeVersion: binary.version,
      abortSignal,
    });
  }
  const given = await toList(options.files ?? []);
  const homeConfig = options.homeConfig;
  const ownConfig = model === undefined ? (options.config ?? {}) : withModel(options.config, homeConfig, model);
  const startedAt = new Date();
  const compose = (config: OpencodeConfig): HostFile[] =>
    composeFiles({
      protocol,
      task: options.task,
      version: binary.version,
      config,
      homeConfig,
      login: options.login,
      isAttended: options.autoStart !== true,
      workdir: workspace.workdir,
      startedAt,
    });
  const { files, replaced, hasInstructions } = placeFiles(given, compose(ownConfig));
  for (const path of replaced) {
    emit({
      type: 'warning',
      code: 'FILE_REPLACED',
      message: `The task's file ${path} is left out: the session's own takes its place`,
    });
  }
  const config = hasInstructions
    ? withInstructions(ownConfig, workspace.resolve(PROJECT_INSTRUCTIONS_FILE))
    : ownConfig;
  await writeFiles(host, workspace.workdir, [...files, ...compose(config)], { abortSignal });
  return { probe, binary, workspace, protocol, config, homeConfig, model };
}

function pick({ model, config, homeConfig }: StartOpencodeSessionOptions): {
  readonly model: string | undefined;
  readonly config: OpencodeConfig | undefined;
  readonly homeConfig: OpencodeConfig | undefined;
} {
  return { model, config, homeConfig };
}

function modelMissing(taskId: string): OpencodeSessionError {
  return new OpencodeSessionError(
    'MODEL_MISSING',
    `Task ${taskId} is to start on its own and nobody says which model answers: name one as model, in config or homeConfig, or start from a seed that has one`,
  );
}

function withInstructions(config: OpencodeConfig, path: string): OpencodeConfig {
  const given = config['instructions'];
  return { ...config, instructions: [...(Array.isArray(given) ? given : []), path] };
}

async function toList(files: Iterable<HostFile> | AsyncIterable<HostFile>): Promise<readonly HostFile[]> {
  const list: HostFile[] = [];
  for await (const file of files) list.push(file);
  return list;
}
