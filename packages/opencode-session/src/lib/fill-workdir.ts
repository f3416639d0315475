import type { LogProtocol } from '@optio-ts/agents-prompt';
import type { HostFile, HostProbe, Workspace } from '@optio-ts/host-core';
import type { OpencodeConfig, OpencodeProgram } from '@optio-ts/opencode-launcher';

import { composeFiles } from './compose-files.ts';
import { effectiveExcludes } from './excludes.ts';
import { chooseModel, withModel } from './model-choice.ts';
import { modelMissing } from './model-missing.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import type { SessionEmit } from './session-emit.ts';
import type { SessionSeed } from './session-seed.ts';
import { withToolRules } from './tool-rules.ts';

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
  /** Patterns of what the snapshot leaves out, as the agent was told. */
  readonly workdirExclude: readonly string[] | undefined;
}

/** Where a workdir is filled. */
export interface FillWorkdirContext {
  readonly probe: HostProbe;
  readonly binary: OpencodeProgram;
  readonly workspace: Workspace;
  readonly protocol: LogProtocol;
  /** Of the session document. */
  readonly sessionId: string;
  /** The seed that was chosen for a fresh start. */
  readonly seedId: string | undefined;
  /** Called once, when there is a seed to give back in the end. */
  readonly onSeed: (seed: SessionSeed) => void;
  readonly emit: SessionEmit;
  readonly abortSignal: AbortSignal;
}

/** Our own files of a start, relative to the workdir. */
export function ownFiles(
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

/** The model of a start, and the task's configuration with it. Throws `MODEL_MISSING`. */
export function taskConfig(
  options: StartOpencodeSessionOptions,
  homeConfig: OpencodeConfig | undefined,
  seedModel: string | undefined,
): { readonly model: string | undefined; readonly config: OpencodeConfig } {
  const { config, autoStart, taskId } = options;
  const model = chooseModel({ model: options.model, config, homeConfig, seedModel });
  if (model === undefined && autoStart === true) throw modelMissing(taskId);
  const withIt = model === undefined ? (config ?? {}) : withModel(config, homeConfig, model);
  return { model, config: withToolRules(withIt, options) };
}
