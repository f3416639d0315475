import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import {
  getSessionDocument,
  getSnapshot,
  openKeyring,
  readSnapshotBlob,
  requestSessionCancel,
} from '@optio-ts/seed-engine';
import type { Cipher, SessionDocument, Store } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import {
  logLines,
  markedProcesses,
  runCommand,
  scriptedEnvironment,
  scriptedProviderConfig,
  startScriptedModel,
  writeFile as writeTool,
} from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { startWorker } from '../../test/start-worker.ts';
import type { RunningWorker, WorkerTask } from '../../test/start-worker.ts';
import { recoverOpencodeSessions } from '../index.ts';
import type { OpencodeSession, OpencodeSessionEvent, RecoveredSession, RecoveredSessionOptions } from '../index.ts';

// A start of opencode takes 2 s on an idle machine and ten times that on a busy one.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

/** Says where it is, waits for a file in the workdir, delivers, and is done. */
const script: ModelScript = ({ step }) => {
  if (step === 0) return { toolCalls: [logLines(['STATUS: 10% begun'])] };
  if (step === 1) return { toolCalls: [runCommand('while ! [ -e go ]; do sleep 0.05; done')] };
  if (step === 2) return { toolCalls: [writeTool('deliverables/report.md', 'the report')] };
  if (step === 3) {
    return { toolCalls: [logLines(['DELIVERABLE: deliverables/report.md', 'DONE: all green'])] };
  }
  return { text: 'done' };
};

let directory: string;
let host: Host;
let store: Store;
let cipher: Cipher;
let model: ScriptedModel;
let task: WorkerTask;
let worker: RunningWorker | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-recover-'));
  host = createLocalHost();
  const [storePath, identityPath] = [join(directory, 'optio.db'), join(directory, 'identity.txt')];
  store = createSqliteStore(storePath);
  ({ cipher } = await openKeyring({ store, identityPath }));
  model = await startScriptedModel({ script });
  task = {
    taskId: 'nightly-7',
    taskRoot: join(directory, 'tasks'),
    homeConfig: scriptedProviderConfig(model.url),
    env: scriptedEnvironment,
    owner: 'worker-1',
    storePath,
    identityPath,
  };
});

afterEach(async () => {
  await worker?.kill();
  worker = undefined;
  await host[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await model[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const goFile = (): string => join(directory, 'tasks/nightly-7/workdir/go');

/** Starts a session in a process of its own and kills that once something was told of it: that the agent has said something, unless said otherwise. */
async function leaveBehind(more: Partial<WorkerTask> = {}, moment = 'status'): Promise<SessionDocument> {
  worker = startWorker({ ...task, ...more });
  const { id } = await worker.until(moment);
  await worker.kill();
  const document = await getSessionDocument(store, id.split(':', 1)[0] ?? '');
  if (document === undefined) throw new Error('The worker has written no document');
  return document;
}

async function recover(
  given: RecoveredSessionOptions = {},
  { leaseMs }: { readonly leaseMs?: number } = {},
): Promise<readonly RecoveredSession[]> {
  return recoverOpencodeSessions({
    store,
    cipher,
    owner: 'worker-1',
    hostFor: () => host,
    optionsFor: () => given,
    ...(leaseMs !== undefined && { leaseMs }),
  });
}

function sessionOf(recovered: RecoveredSession | undefined): OpencodeSession {
  if (recovered === undefined || !('session' in recovered)) throw new Error(JSON.stringify(recovered));
  return recovered.session;
}

/** Nothing of a session is left but what is to be kept. */
async function expectGone({ id, runId, taskDirectory }: SessionDocument): Promise<void> {
  expect(existsSync(taskDirectory)).toBe(false);
  expect(await markedProcesses(`=${runId}`)).toEqual([]);
  expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  const ended = await getSessionDocument(store, id);
  expect(ended?.state).toBe('ended');
  expect(ended?.secrets).toBeUndefined();
}

describe('recoverOpencodeSessions with the real opencode', () => {
  it('adopts a session whose worker was killed, also before its agent was sent off, and a cancel from elsewhere ends one', async () => {
    const left = await leaveBehind();
    const seen = worker?.lines.find(({ type }) => type === 'status')?.id;
    const [recovered] = await recover();
    expect(recovered).toMatchObject({ action: 'adopt', sessionId: left.id, taskId: 'nightly-7' });
    const session = sessionOf(recovered);
    const events: OpencodeSessionEvent[] = [];
    for await (const event of session.events) {
      events.push(event);
      if (event.type !== 'live') continue;
      // The same address as before, behind the same password.
      expect(event.url).toContain(`:${JSON.stringify(left.details?.['localPort'])}/`);
      const { ui } = session;
      const authorization = `Basic ${Buffer.from(`${ui?.username}:${ui?.password}`).toString('base64')}`;
      const answer = await fetch(new URL('/global/health', event.url), { headers: { authorization } });
      expect(answer.status).toBe(200);
      // One that this process works on is left alone.
      expect(await recover()).toMatchObject([{ action: 'leave' }]);
      await writeFile(goFile(), '');
    }
    const result = await session.result;
    expect(result).toMatchObject({ state: 'done', message: 'all green', snapshotId: left.id, problems: [] });
    const types = events.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['live', 'deliverable', 'done', 'snapshot-saved', 'ended']));
    // What was heard before is heard again under the same id, or not at all.
    for (const event of events) if (event.type === 'status') expect(event.id).toBe(seen);
    expect(events.find(({ type }) => type === 'done')?.id).toMatch(new RegExp(`^${left.id}:0:\\d+$`));
    await expectGone(left);

    // Brought back, and left before its agent was told to go on: what it was told in its run before is not taken for that.
    const unsent = await leaveBehind({ resume: true, autoStart: false }, 'live');
    await rm(goFile(), { force: true });
    const [again] = await recover({ autoStart: true }, { leaseMs: 2000 });
    await expect
      .poll(() => model.requests.at(-1)?.messages.at(-1)?.text, { timeout: 30_000 })
      .toContain('You were paused');
    await requestSessionCancel(store, unsent.id, { reason: 'too slow' });
    expect(await sessionOf(again).result).toMatchObject({ state: 'cancelled', message: 'too slow', problems: [] });
    await expectGone(unsent);
  });

  it('finishes a session whose agent has ended, with a new server on what it left', async () => {
    const left = await leaveBehind();
    for (const { pid } of await markedProcesses(`OPTIO_RUN_ID=${left.runId}`)) process.kill(pid, 'SIGKILL');
    // The supervisor writes the end down and is gone; the directory stays.
    await expect.poll(() => markedProcesses(`=${left.runId}`)).toEqual([]);
    // Where no opencode is to be had, nothing is lost and the next one tries again.
    const without = { cacheDirectory: join(directory, 'empty'), install: { installIfMissing: false } };
    const [tried] = await recover(without);
    expect(await sessionOf(tried).result).toMatchObject({ snapshotId: undefined, keptDirectory: left.taskDirectory });
    expect(await getSessionDocument(store, left.id)).toMatchObject({ state: 'ending', outcome: { state: 'failed' } });
    const [recovered] = await recover();
    expect(recovered).toMatchObject({ action: 'finish' });
    const result = await sessionOf(recovered).result;
    expect(result).toMatchObject({ state: 'failed', reason: 'agent-exited', snapshotId: left.id, problems: [] });
    const snapshot = await getSnapshot(store, 'opencode', left.id);
    if (snapshot === undefined) throw new Error('no snapshot');
    expect(snapshot.endState).toBe('failed');
    const session = Buffer.concat(await Array.fromAsync(readSnapshotBlob(store, cipher, snapshot, 'session')));
    expect(session.toString()).toContain('STATUS: 10% begun');
    await expectGone(left);
  });

  it('writes the end of a session down that its host has nothing of, and leaves one whose host is not here', async () => {
    const left = await leaveBehind();
    const away = await recoverOpencodeSessions({ store, cipher, owner: 'worker-1', hostFor: () => undefined });
    expect(away).toMatchObject([{ action: 'leave' }]);
    // As a host is after a restart that has emptied its disk.
    for (const { pid } of await markedProcesses(`=${left.runId}`)) process.kill(pid, 'SIGKILL');
    await rm(left.taskDirectory, { recursive: true });
    const [recovered] = await recover();
    expect(recovered).toMatchObject({ action: 'forget' });
    expect(await sessionOf(recovered).result).toMatchObject({ state: 'lost', reason: 'agent-lost' });
    await expectGone(left);
    expect(await recover()).toEqual([]);
  });
});
