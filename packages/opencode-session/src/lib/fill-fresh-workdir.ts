import { formatResumeLogLine, RESUME_LOG_FILE } from '@optio-ts/agents-prompt';
import { agentSessionFiles } from '@optio-ts/agents-session';
import { writeFiles } from '@optio-ts/host-core';
import type { HostFile } from '@optio-ts/host-core';
import type { OpencodeConfig } from '@optio-ts/opencode-launcher';

import { acrossLink } from './across-link.ts';
import { placeFiles, PROJECT_INSTRUCTIONS_FILE } from './compose-files.ts';
import { ownFiles, taskConfig } from './fill-workdir.ts';
import type { FilledWorkdir, FillWorkdirContext } from './fill-workdir.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { takePickedSeed } from './session-seed.ts';

const MOST_BYTES_WITH_START = 1_048_576;

/** Plants the seed, then writes the task's files and our own in one trip, or has them written with the start. */
export async function fillFreshWorkdir(
  options: StartOpencodeSessionOptions,
  context: FillWorkdirContext,
): Promise<FilledWorkdir> {
  const { host, workdirExclude, supportsResume } = options;
  const { workspace, protocol, emit, abortSignal, seedId } = context;
  const seed = seedId === undefined ? undefined : await takePickedSeed(options, { ...context, seedId });
  const homeConfig = options.homeConfig ?? seed?.planted?.config;
  const { model, config: plain } = taskConfig(options, homeConfig, seed?.planted?.model);

  const given: HostFile[] = [];
  for await (const file of options.files ?? []) given.push(file);
  const { files, replaced, hasInstructions } = placeFiles(given, ownFiles(options, context, plain));
  for (const path of replaced) {
    const message = `The task's file ${path} is left out: the session's own takes its place`;
    emit({ type: 'warning', code: 'FILE_REPLACED', message });
  }
  const config = hasInstructions ? withInstructions(plain, workspace.resolve(PROJECT_INSTRUCTIONS_FILE)) : plain;
  const all: readonly HostFile[] = [
    ...files,
    ...agentSessionFiles({ protocol, workdir: workspace.workdir }),
    ...(supportsResume === false
      ? []
      : [{ path: RESUME_LOG_FILE, content: formatResumeLogLine({ at: new Date() }), mode: 0o600 }]),
    ...ownFiles(options, context, config),
  ];
  const filled = { config, homeConfig, model, seed, resumeLogLine: undefined, workdirExclude };
  if (options.hooks?.beforeExecute === undefined && areSmall(all)) return { ...filled, files: all };
  const write = (): Promise<void> => writeFiles(host, workspace.workdir, all, { abortSignal });
  await (areStreams(all) ? write() : acrossLink({ emit, abortSignal }, write));
  return { ...filled, files: [] };
}

/** Whether some of the files can be read only once: then a link that is lost under them fails the start. */
function areStreams(files: readonly HostFile[]): boolean {
  return files.some((file) => 'sizeBytes' in file);
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

function withInstructions(config: OpencodeConfig, path: string): OpencodeConfig {
  const given = config['instructions'];
  return { ...config, instructions: [...(Array.isArray(given) ? given : []), path] };
}
