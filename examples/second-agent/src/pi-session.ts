import { composeAgentsMd, createLogProtocol, formatResumeLogLine } from '@optio-ts/agents-prompt';
import { runAgentSession } from '@optio-ts/agents-session';
import type { AgentSession, AgentSessionHooks } from '@optio-ts/agents-session';
import {
  clearWay,
  confineCommand,
  DEFAULT_EXCLUDES,
  DEFAULT_KEPT_ENVIRONMENT,
  openWorkspace,
  probeHost,
  startSupervised,
  writeFiles,
} from '@optio-ts/host-core';
import type { Command, ConfineMode, Host, HostFile } from '@optio-ts/host-core';
import { createId, loadLatestSnapshot, plantSeed } from '@optio-ts/seed-engine';
import type { Cipher, SeedManifest, Store } from '@optio-ts/seed-engine';

import { ensurePi } from './ensure-pi.ts';
import { restoreSnapshot, saveSnapshot } from './pi-snapshot.ts';
import { watchModel } from './watch-model.ts';

/** What of a home is pi's login and configuration: capture it from your own, with `captureSeed`. */
export const piManifest: SeedManifest = {
  agent: 'pi',
  collection: { name: 'pi_seeds' },
  version: 1,
  include: ['.pi/agent/auth.json', '.pi/agent/models.json', '.pi/agent/settings.json'],
};

// One prompt, no questions, JSON lines; of instructions only ours, and not those of parent directories, which others may have written.
const PI_OPTIONS = '--print --mode json --no-context-files --append-system-prompt AGENTS.md'.split(' ');

/** Options of `startPiSession`. */
export interface PiSessionOptions {
  readonly host: Host;
  readonly store: Store;
  readonly cipher: Cipher;
  /** Names the task, its directory and its snapshots. */
  readonly taskId: string;
  /** What pi is to do. */
  readonly task: string;
  /** Written to the workdir before a fresh start; `home/` is pi's home. @default none */
  readonly files?: readonly HostFile[];
  /** A seed of `piManifest`: planted into pi's home before a fresh start. @default none */
  readonly seedId?: string;
  /** Goes on from the newest snapshot of the task. @default false */
  readonly resume?: boolean;
  /** Variables for pi, an API key for instance. Of the host's own only `DEFAULT_KEPT_ENVIRONMENT` is passed on. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** @default 'auto' */
  readonly confine?: ConfineMode;
  /** @default `~/.local/state/optio-pi` on the host */
  readonly taskRoot?: string;
  readonly hooks?: AgentSessionHooks;
  /** Milliseconds that pi may take. @default no limit */
  readonly deadlineMs?: number;
  readonly abortSignal?: AbortSignal;
}

/** Starts pi on a task: installs it, fills the workdir, and hands over to `runAgentSession`. Throws what fails before pi runs. */
export async function startPiSession(options: PiSessionOptions): Promise<AgentSession> {
  const { host, store, cipher, taskId, task, seedId, confine = 'auto', abortSignal } = options;
  const abort = abortSignal && { abortSignal };
  const snapshot = options.resume === true ? await loadLatestSnapshot(store, 'pi', taskId) : undefined;
  if (options.resume === true && snapshot === undefined) throw new Error(`There is no snapshot of task ${taskId}`);
  const probe = await probeHost(host, { ...abort });
  const isConfined = confine !== 'off' && probe.canConfine;
  if (confine === 'required' && !isConfined) throw new Error(`bubblewrap does not work on ${host.description}`);
  const pi = await ensurePi(host, probe, abortSignal);

  const taskRoot = options.taskRoot ?? `${probe.stateHome}/optio-pi`;
  const workspace = await openWorkspace(host, { taskId, taskRoot, fresh: 'empty', ...abort });
  const { taskDirectory, workdir, home } = workspace;
  // Beside the workdir: a session of pi's belongs to its directory, this one may move.
  const sessions = `${taskDirectory}/sessions`;
  const protocol = createLogProtocol({ browser: 'suppress' });
  const agentsMd = composeAgentsMd({ protocol, task, resume: { excludes: DEFAULT_EXCLUDES } });
  try {
    if (snapshot === undefined) {
      if (seedId !== undefined) await plantSeed({ store, cipher, host, home, manifest: piManifest, seedId, ...abort });
      await writeFiles(host, workdir, options.files ?? [], { ...abort });
    } else {
      await restoreSnapshot({ store, cipher, workspace, sessions, snapshot, ...abort });
      await clearWay(host, workdir, ['AGENTS.md'], { ...abort });
    }
    await writeFiles(host, workdir, [{ path: 'AGENTS.md', content: agentsMd }], { beneath: taskDirectory, ...abort });
  } catch (error) {
    await workspace.remove();
    throw error;
  }

  const prompt = snapshot === undefined ? 'Do the task.' : 'You were paused and brought back: go on with the task.';
  const command: Command = [
    ...pi.command,
    ...PI_OPTIONS,
    '--session-dir',
    sessions,
    ...(snapshot === undefined ? [] : ['--continue']),
    prompt,
  ];
  const confined = { taskDirectory, cwd: workdir, hidden: [workspace.controlDirectory], readOnly: pi.readOnly };
  return runAgentSession({
    host,
    workspace,
    protocol,
    sessionId: createId(),
    resumeLogLine: formatResumeLogLine({ at: new Date() }),
    launch: async (launch) => {
      const agent = await startSupervised(host, {
        directory: taskDirectory,
        cwd: workdir,
        command: isConfined ? confineCommand(command, confined) : command,
        env: { PI_OFFLINE: '1', HOME: home, TMPDIR: workspace.temporaryDirectory, ...launch.env, ...options.env },
        keepEnv: ['PATH', ...DEFAULT_KEPT_ENVIRONMENT],
        runId: workspace.runId,
        abortSignal: launch.abortSignal,
      });
      return { exited: agent.exited, stop: () => agent.stop(), ...watchModel(agent) };
    },
    teardown: async ({ isAgentStopped, outcome }) => {
      // What may still run must be found again; and without a snapshot the directory is all that there is.
      if (!isAgentStopped) return;
      await saveSnapshot({ store, cipher, workspace, sessions, outcome, ...(seedId !== undefined && { seedId }) });
      await workspace.remove();
    },
    ...(options.hooks && { hooks: options.hooks }),
    ...(options.deadlineMs !== undefined && { deadlineMs: options.deadlineMs }),
    ...abort,
  });
}
