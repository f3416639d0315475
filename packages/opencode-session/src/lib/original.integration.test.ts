import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { HookContext } from '@optio-ts/agents-session';
import { createLocalHost } from '@optio-ts/host-core';
import { ensureOpencode } from '@optio-ts/opencode-installer';
import { bytesCipher, loadLatestSnapshot } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';
import { createMongoStore } from '@optio-ts/seed-engine/mongo';
import {
  originalHooks,
  scriptedLogin,
  scriptedProviderConfig,
  startScriptedModel,
  taskScript,
  wrapOpencode,
} from '@optio-ts/testkit';
import type { ScriptedModel } from '@optio-ts/testkit';
import { setOriginalStage } from '@optio-ts/testkit/original-stage';
import type { Db } from 'mongodb';
import { afterAll, describe, expect, it, vi } from 'vitest';

import { runSession } from '../../test/run-session.ts';
import type { SessionRun } from '../../test/run-session.ts';

// The Python package optio-opencode 0.1.6 itself, with the same opencode, the same scripted model and the same MongoDB: a task
// goes from it to us and back.

const TASK = 'pilgrim';
const KEY = 'the key of the scripted model';
const slow = { timeout: 240_000 };

describe('a session of the original and ours', () => {
  const key = randomBytes(32);
  const cipher = bytesCipher({ name: 'aes', ...originalHooks(key) });
  const host = createLocalHost();
  let store: Store;
  let model: ScriptedModel;
  const stage = setOriginalStage({
    key,
    async prepare({ db, taskRoot }) {
      store = createMongoStore(db);
      model = await startScriptedModel({ apiKey: KEY, script: taskScript({ repeats: true, statuses: [] }) });
      const { path, version } = await ensureOpencode(host);
      await wrapOpencode({ directory: join(taskRoot, 'bin'), program: path, version });
    },
  });
  afterAll(async () => {
    await model?.close();
    await host[Symbol.asyncDispose]();
  });

  const resume = (more: object = {}): Promise<SessionRun> =>
    runSession({
      host,
      store,
      cipher,
      compat: 'optio-0.1',
      taskRoot: join(stage.taskRoot, 'ours'),
      taskId: TASK,
      task: 'Write a report once more.',
      autoStart: true,
      resume: true,
      config: scriptedProviderConfig(model.url),
      ...more,
    });
  const runOriginal = (more: object = {}) =>
    stage.original.runSession({
      processId: TASK,
      opencodeDirectory: join(stage.taskRoot, 'bin'),
      instructions: 'Write a report. ORIGINAL-MARKER',
      config: scriptedProviderConfig(model.url, { apiKey: KEY }),
      autoStart: true,
      ...more,
    });

  it('that it wrote is resumed here, with its messages and files', slow, async () => {
    const { state, hasSavedState, error } = await runOriginal();
    expect({ state, hasSavedState, error }).toEqual({ state: 'done', hasSavedState: true, error: null });
    const theirs = await loadLatestSnapshot(store, 'opencode', TASK);
    const asked = model.requests.length;

    const found: Record<string, string> = {};
    let names: readonly string[] = [];
    // From here on the login is a file of the home, and goes with the workdir.
    const { result, warnings } = await resume({
      login: scriptedLogin(KEY),
      hooks: {
        async beforeExecute(context: HookContext) {
          for (const path of ['deliverables/report.md', 'optio.log.old', 'resume.log']) {
            found[path] = await context.readText(path);
          }
          names = (await context.run(['ls', '-A'])).stdout.toString('utf8').trim().split('\n');
        },
      },
    });
    expect(warnings.filter((warning) => !warning.startsWith('NOT_CONFINED'))).toEqual([]);
    expect(result).toMatchObject({ state: 'done', problems: [], keptDirectory: undefined });
    expect(result.opencodeSessionId).toBe(theirs?.sessionId);
    expect(found['deliverables/report.md']).toContain('# Report');
    expect(found['optio.log.old']).toContain('DONE: the report is written');
    expect(found['resume.log']).toMatch(/^\S+Z\n\S+Z REFRESHED:AGENTS\.md\n$/);
    expect(names).not.toContain('.opencode-password');
    // The model is shown what the original had said to it.
    const messages = model.requests.slice(asked).find(({ kind }) => kind === 'agent')?.messages ?? [];
    expect(messages.filter(({ role }) => role === 'user')).toHaveLength(2);
    expect(messages.some(({ toolCalls }) => toolCalls.length > 0)).toBe(true);
  });

  it('of ours is resumed by it, with its messages and files', slow, async () => {
    const ours = await loadLatestSnapshot(store, 'opencode', TASK);
    expect(ours).toMatchObject({ endState: 'done', workdir: { cipher: 'none' }, session: { cipher: 'aes' } });
    expect(ours?.login).toBeUndefined();
    const asked = model.requests.length;
    // The original says nothing to an agent that it brings back: a person does, in opencode's interface behind its proxy.
    const running = runOriginal({ resume: true });
    const { url, username, password } = await upstreamOf(stage.db, TASK);
    const workdir = join(stage.taskRoot, TASK, 'workdir');
    const response = await fetch(
      `${url}/session/${ours?.sessionId}/prompt_async?directory=${encodeURIComponent(workdir)}`,
      {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ parts: [{ type: 'text', text: 'Once more.' }] }),
      },
    );
    expect(response.status).toBe(204);
    const { state, error, log } = await running;
    expect({ state, error }).toEqual({ state: 'done', error: null });
    expect(log.filter(({ message }) => message === 'Deliverable: report.md')).toHaveLength(1);
    const messages = model.requests.slice(asked).find(({ kind }) => kind === 'agent')?.messages ?? [];
    expect(messages.filter(({ role }) => role === 'user')).toHaveLength(3);
    // Its newest snapshot has what all three runs have left.
    let lines: readonly string[] = [];
    const { result } = await resume({
      refresh: 'never',
      hooks: {
        async beforeExecute(context: HookContext) {
          lines = (await context.readText('resume.log')).trim().split('\n');
        },
      },
    });
    expect(result).toMatchObject({ state: 'done', problems: [] });
    expect(lines).toHaveLength(4);
    expect(lines.map((line) => line.includes('REFRESHED'))).toEqual([false, true, false, false]);
    expect(await readdir(join(stage.taskRoot, 'ours'))).toEqual([]);
  });
});

/** Where the original shows its running session, once it does. */
async function upstreamOf(
  db: Db,
  processId: string,
): Promise<{ readonly url: string; readonly username: string; readonly password: string }> {
  const processes = db.collection('optio_processes');
  return vi.waitFor(
    async () => {
      const upstream: unknown = (await processes.findOne({ processId }))?.['widgetUpstream'];
      if (upstream === undefined || upstream === null) throw new Error('The session is not live yet');
      const { url, innerAuth } = upstream as { url: string; innerAuth: { username: string; password: string } };
      return { url, ...innerAuth };
    },
    { timeout: 60_000 },
  );
}
