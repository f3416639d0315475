import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { createLocalHost, openWorkspace, startSupervised } from '@optio-ts/host-core';
import type { Host, SupervisedProcess, Workspace } from '@optio-ts/host-core';

import { runAgentSession } from '../src/lib/run-agent-session.ts';
import type { AgentSession } from '../src/lib/run-agent-session.ts';
import type { LaunchedAgent, RunAgentSessionOptions } from '../src/lib/session-options.ts';

/** What a test may change about a session with a scripted agent. */
interface ScriptedSessionOptions extends Partial<RunAgentSessionOptions> {
  /** Changes what `launch` returns, for instance adds `sendToAgent`. */
  readonly agent?: (agent: LaunchedAgent, process: SupervisedProcess) => LaunchedAgent;
}

/** A session whose agent is a POSIX script, supervised for real on this machine. */
interface ScriptedSession {
  readonly session: AgentSession;
  readonly workspace: Workspace;
  /** Started once, when `launch` was called. */
  readonly processes: SupervisedProcess[];
  /** Creates a file that the script waits for with `await_file NAME`. */
  readonly signal: (name: string) => void;
  /** Absolute path of a file in the workdir. */
  readonly path: (name: string) => string;
}

/** Prefix of every script: `say LINE`, `await_file NAME`, `stay` (for ever). */
export const SCRIPT_LIBRARY = `
say() { printf '%s\\n' "$1" >>optio.log; }
await_file() { while ! [ -e "$1" ]; do sleep 0.02; done; }
stay() { await_file never; }
`;

/** Sessions of one test file on one host, with everything they leave behind. */
export interface ScriptedBench extends AsyncDisposable {
  readonly host: Host;
  /** A new task directory and a session in it. */
  start(script: string, options?: ScriptedSessionOptions): Promise<ScriptedSession>;
  /** The agent of a script, for a `launch` of one's own. */
  launch(workspace: Workspace, script: string, env?: Readonly<Record<string, string>>): Promise<SupervisedProcess>;
  openWorkspace(): Promise<Workspace>;
}

/** Creates the bench. */
export function createScriptedBench(): ScriptedBench {
  const host = createLocalHost();
  const taskRoot = mkdtempSync(join(realpathSync(tmpdir()), 'optio-agents-session-'));
  const started: SupervisedProcess[] = [];
  let count = 0;

  const bench: ScriptedBench = {
    host,
    openWorkspace: async () => {
      count += 1;
      return openWorkspace(host, { taskId: `task-${count}`, taskRoot });
    },
    launch: async (workspace, script, env = {}) => {
      const process = await startSupervised(host, {
        directory: workspace.taskDirectory,
        command: ['sh', '-c', SCRIPT_LIBRARY + script],
        cwd: workspace.workdir,
        env,
      });
      started.push(process);
      return process;
    },
    start: async (script, { agent = (given: LaunchedAgent) => given, ...options } = {}) => {
      const workspace = await bench.openWorkspace();
      const processes: SupervisedProcess[] = [];
      const session = runAgentSession({
        host,
        workspace,
        protocol: createLogProtocol(),
        sessionId: `s${count}`,
        launch: async ({ env }) => {
          const process = await bench.launch(workspace, script, env);
          processes.push(process);
          return agent({ exited: process.exited, stop: async () => process.stop() }, process);
        },
        ...options,
      });
      return {
        session,
        workspace,
        processes,
        signal: (name) => writeFileSync(join(workspace.workdir, name), ''),
        path: (name) => join(workspace.workdir, name),
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const process of started) await process.stop({ graceMs: 0 });
      await host[Symbol.asyncDispose]();
      if (existsSync(taskRoot)) rmSync(taskRoot, { recursive: true });
    },
  };
  return bench;
}

/** Whether a process of this machine is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Reads bytes to their end, as text. */
export async function readText(content: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(content)).toString('utf8');
}
