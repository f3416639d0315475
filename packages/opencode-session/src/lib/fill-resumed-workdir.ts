import { formatResumeLogLine } from '@optio-ts/agents-prompt';
import { clearWay, HostError, readFile, writeFiles } from '@optio-ts/host-core';
import type { HostFile } from '@optio-ts/host-core';
import { importSession } from '@optio-ts/opencode-launcher';
import type { ImportSessionResult, OpencodeConfig } from '@optio-ts/opencode-launcher';
import { readSnapshotBlob } from '@optio-ts/seed-engine';
import type { Snapshot } from '@optio-ts/seed-engine';

import { acrossLink } from './across-link.ts';
import { AGENTS_FILE } from './compose-files.ts';
import { LOGIN_FILES } from './excludes.ts';
import { ownFiles, taskConfig } from './fill-workdir.ts';
import type { FilledWorkdir, FillWorkdirContext } from './fill-workdir.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { refreshTask } from './refresh-task.ts';
import { restoreWorkdir } from './restore-snapshot.ts';
import { takeSeed } from './session-seed.ts';
import type { SessionSeed } from './session-seed.ts';

/** opencode's configuration in the agent's home, in the workdir. */
const HOME_CONFIG_FILE = 'home/.config/opencode/opencode.json';

interface FillResumedContext extends FillWorkdirContext {
  readonly snapshot: Snapshot;
}

/** Brings workdir, login and session of a snapshot back, and renews our own files in it. */
export async function fillResumedWorkdir(
  given: StartOpencodeSessionOptions,
  context: FillResumedContext,
): Promise<FilledWorkdir> {
  const { emit } = context;
  const { options, isRefreshed } = await refreshTask(given, emit);
  const { host, homeConfig } = options;
  const { workspace, abortSignal, snapshot } = context;
  await acrossLink(context, () => restoreWorkdir({ ...options, workspace, snapshot, abortSignal }));
  const beneath = workspace.taskDirectory;
  const names = [...ownFiles(options, context, {}).map(({ path }) => path), HOME_CONFIG_FILE, ...LOGIN_FILES];
  const paths = [...new Set(names)];
  const clear = (): Promise<readonly string[]> => clearWay(host, workspace.workdir, paths, { abortSignal });
  for (const path of await acrossLink(context, clear)) {
    const message = `The agent had put something else in the place of ${path}: it is removed`;
    emit({ type: 'warning', code: 'FILE_REPLACED', message });
  }
  const seed = await takeOldSeed(options, context);
  const [oldAgents, knownConfig] = await Promise.all([
    readShort(context, options, AGENTS_FILE),
    homeConfig ?? readHomeConfig(options, context),
  ]);
  const { model, config } = taskConfig(options, knownConfig, undefined);
  const own = ownFiles(options, context, config);
  const isKept = isSameFile(own, oldAgents) || (!isRefreshed && oldAgents !== undefined);
  const files = isKept ? own.filter(({ path }) => path !== AGENTS_FILE) : own;
  await acrossLink(context, () => writeFiles(host, workspace.workdir, files, { beneath, abortSignal }));
  await bringSessionBack(options, context);
  const resumeLogLine =
    options.supportsResume === false
      ? undefined
      : formatResumeLogLine({ at: new Date(), refreshed: isKept ? [] : [AGENTS_FILE] });
  const { workdirExclude } = options;
  // What the agent may have changed in its home is good for this session, and never for a seed.
  return { config, homeConfig, model, seed, resumeLogLine, files: [], workdirExclude };
}

/** The seed of the run before, whose login may be newer by now; one that a function picks is for fresh starts. */
async function takeOldSeed(
  options: StartOpencodeSessionOptions,
  context: FillResumedContext,
): Promise<SessionSeed | undefined> {
  const own = typeof options.seedId === 'string' ? options.seedId : undefined;
  const seedId = context.snapshot.seedId ?? own;
  return seedId === undefined ? undefined : takeSeed(options, { ...context, seedId, isResumed: true });
}

async function bringSessionBack(
  { host, store, cipher, confine, env }: StartOpencodeSessionOptions,
  context: FillResumedContext,
): Promise<void> {
  const { workspace, binary, probe, snapshot, emit, abortSignal } = context;
  const bring = (): Promise<ImportSessionResult> =>
    importSession({
      host,
      workspace,
      binary,
      probe,
      abortSignal,
      content: readSnapshotBlob(store, cipher, snapshot, 'session', { abortSignal }),
      ...(confine && { confine }),
      ...(env && { env }),
    });
  // opencode keeps the rows that are there: an import that was cut off is completed by the next one.
  const { failures } = await acrossLink(context, bring);
  for (const failure of failures) {
    const message = `A subagent's session did not come back: ${failure}`;
    emit({ type: 'warning', code: 'SUBAGENT_NOT_RESTORED', message });
  }
}

function isSameFile(own: readonly HostFile[], old: Buffer | undefined): boolean {
  const file = own.find(({ path }) => path === AGENTS_FILE);
  return file !== undefined && 'content' in file && old?.toString('utf8') === file.content;
}

/** Reads a file of ours; `undefined` when it is missing, or the agent has made it so large that it is none of ours. */
async function readShort(
  context: FillWorkdirContext,
  { host }: StartOpencodeSessionOptions,
  name: string,
): Promise<Buffer | undefined> {
  const { workspace, abortSignal } = context;
  const access = { beneath: workspace.taskDirectory, abortSignal, maxBytes: 1_048_576 };
  try {
    return await acrossLink(context, () => readFile(host, workspace.resolve(name), access));
  } catch (error) {
    if (HostError.is(error) && error.code === 'OUTPUT_LIMIT') return undefined;
    throw error;
  }
}

/** The configuration that the agent's home came back with. An agent may have changed it, so it is never kept in a seed. */
async function readHomeConfig(
  options: StartOpencodeSessionOptions,
  context: FillWorkdirContext,
): Promise<OpencodeConfig | undefined> {
  const text = await readShort(context, options, HOME_CONFIG_FILE);
  if (text === undefined) return undefined;
  try {
    const config: unknown = JSON.parse(text.toString('utf8'));
    return typeof config === 'object' && config !== null ? (config as OpencodeConfig) : undefined;
  } catch {
    // opencode says what is wrong with it, better than this could.
    return undefined;
  }
}
