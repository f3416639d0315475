import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, findSupervised, openWorkspace, probeHost } from '@optio-ts/host-core';
import type { Host, HostProbe, Workspace } from '@optio-ts/host-core';
import { binarySource, ensureOpencode } from '@optio-ts/opencode-installer';
import type { OpencodeBinary } from '@optio-ts/opencode-installer';

/** This machine, a real opencode on it, and task directories of their own. */
export interface Stage extends AsyncDisposable {
  readonly host: Host;
  readonly probe: HostProbe;
  readonly binary: OpencodeBinary;
  /** Holds the task directories; removed at the end. */
  readonly root: string;
  openTask(taskId: string): Promise<Workspace>;
}

/**
 * Prepares a stage. The binary is the one that `OPTIO_TEST_OPENCODE` names, or the pinned one, installed on demand into the
 * cache that users have.
 */
export async function setStage(): Promise<Stage> {
  const given = process.env['OPTIO_TEST_OPENCODE'];
  const host = createLocalHost();
  const probe = await probeHost(host);
  const binary = await ensureOpencode(host, {
    probe,
    ...(given === undefined ? {} : { source: binarySource(given) }),
  });
  const tasks: Workspace[] = [];
  const root = await mkdtemp(join(tmpdir(), 'optio-launcher-'));
  return {
    host,
    probe,
    binary,
    root,
    async openTask(taskId) {
      const task = await openWorkspace(host, { taskId, taskRoot: join(root, 'tasks') });
      tasks.push(task);
      return task;
    },
    async [Symbol.asyncDispose]() {
      // A test that failed may have left its server.
      for (const { taskDirectory } of tasks) {
        for (const left of await findSupervised(host, taskDirectory)) await left.stop({ graceMs: 0 });
      }
      await host[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}
