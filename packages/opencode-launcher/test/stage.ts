import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, findSupervised, openWorkspace, probeHost } from '@optio-ts/host-core';
import type { Host, HostProbe, Workspace } from '@optio-ts/host-core';
import { binarySource, ensureOpencode } from '@optio-ts/opencode-installer';
import type { OpencodeBinary } from '@optio-ts/opencode-installer';
import { scriptedEnvironment, scriptedProviderConfig, startScriptedModel } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';

import { launchOpencode } from '../src/index.ts';
import type { LaunchOpencodeOptions, OpencodeConfig, OpencodeServer } from '../src/index.ts';

/** This machine, a real opencode on it, a scripted model, and task directories of their own. */
export interface Stage extends AsyncDisposable {
  readonly host: Host;
  readonly probe: HostProbe;
  readonly binary: OpencodeBinary;
  readonly model: ScriptedModel;
  /** Holds the task directories; removed at the end. */
  readonly root: string;
  /** What the model says from now on. */
  play(script: ModelScript): void;
  /** Options for a task of its own, unconfined, on the scripted model; with `env` of its own it starts as users have it. */
  optionsFor(own?: Partial<LaunchOpencodeOptions>): Promise<LaunchOpencodeOptions>;
  launch(options: LaunchOpencodeOptions): Promise<OpencodeServer>;
  /** Stops all that was launched. */
  stopServers(): Promise<void>;
}

/**
 * Sets the stage. The binary is the one that `OPTIO_TEST_OPENCODE` names, or the pinned one, installed on demand into the cache
 * that users have.
 */
export async function setStage(): Promise<Stage> {
  const given = process.env['OPTIO_TEST_OPENCODE'];
  const host = createLocalHost();
  const probe = await probeHost(host);
  const source = given === undefined ? {} : { source: binarySource(given) };
  const binary = await ensureOpencode(host, { probe, ...source });
  const root = await mkdtemp(join(tmpdir(), 'optio-launcher-'));
  const tasks: Workspace[] = [];
  const servers: OpencodeServer[] = [];
  let script: ModelScript = () => ({ text: 'Nobody told me what to say.' });
  const model = await startScriptedModel({ script: (request) => script(request) });

  return {
    host,
    probe,
    binary,
    model,
    root,
    play(next) {
      script = next;
    },
    async optionsFor(own = {}) {
      const taskRoot = join(root, 'tasks');
      const workspace = await openWorkspace(host, { taskId: `task-${tasks.length + 1}`, taskRoot });
      tasks.push(workspace);
      const config = { ...scriptedProviderConfig(model.url), ...own.config } as OpencodeConfig;
      return { host, probe, binary, workspace, confine: 'off', env: scriptedEnvironment, ...own, config };
    },
    async launch(options) {
      const server = await launchOpencode(options);
      servers.push(server);
      return server;
    },
    async stopServers() {
      for (const server of servers.splice(0)) await server.stop();
    },
    async [Symbol.asyncDispose]() {
      await model.close();
      // A test that failed may have left a server that nobody knows.
      for (const { taskDirectory } of tasks) {
        for (const left of await findSupervised(host, taskDirectory)) await left.stop({ graceMs: 0 });
      }
      await host[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Prompts a session and waits until it has nothing more to do. */
export async function takeTurn(server: OpencodeServer, sessionId: string, text = 'Begin.'): Promise<void> {
  for await (const event of server.client.events()) {
    if (event.type === 'server.connected') await server.client.prompt(sessionId, { text });
    if (event.type === 'session.idle' && event.sessionId === sessionId) return;
  }
  throw new Error('The server ended during the turn');
}

/** All processes of this machine whose environment or command line has the words. */
export async function findProcesses(words: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    // Empty for one that has ended since it was listed.
    const read = (name: string): Promise<string> => readFile(join('/proc', pid, name), 'latin1').catch(() => '');
    const command = await read('cmdline');
    if (command.includes(words) || (await read('environ')).includes(words)) {
      found.push(`${pid} ${command.replaceAll('\0', ' ')}`);
    }
  }
  return found;
}
