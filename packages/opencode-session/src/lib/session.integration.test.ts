import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Host } from '@optio-ts/host-core';
import { createLocalHost } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import { getSessionDocument, openKeyring } from '@optio-ts/seed-engine';
import type { Cipher, Store } from '@optio-ts/seed-engine';
import { createMongoStore } from '@optio-ts/seed-engine/mongo';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import {
  scriptedEnvironment,
  scriptedLogin,
  scriptedProviderConfig,
  startScriptedModel,
  startSshd,
  taskScript,
} from '@optio-ts/testkit';
import { MongoClient } from 'mongodb';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

import { runSession } from '../../test/run-session.ts';
import { startOpencodeSession } from '../index.ts';

const KEY = 'the key of the scripted model';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-session-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A session that logs in, delivers and keeps its seed; then one that has nothing but the seed. */
async function runTwice(host: Host, store: Store, cipher: Cipher, taskRoot: string): Promise<void> {
  await using model = await startScriptedModel({
    apiKey: KEY,
    script: taskScript({ deliverables: { 'report.md': ({ system }) => `marker: ${/MARKER-\w+/.exec(system)?.[0]}` } }),
  });
  const base = { host, store, cipher, taskRoot, autoStart: true } as const;
  const saved: unknown[] = [];
  const first = await runSession({
    ...base,
    taskId: 'first',
    task: 'Write MARKER-one.',
    homeConfig: scriptedProviderConfig(model.url),
    login: scriptedLogin(KEY),
    saveSeed: { label: 'a test' },
    onSeedSaved: (...told) => void saved.push(told),
    metadata: { project: 'a test' },
  });
  expect(first.warnings.filter((warning) => !warning.startsWith('NOT_CONFINED'))).toEqual([]);
  const message = 'the report is written';
  expect(first.result).toMatchObject({ message, reason: 'agent-done', problems: [], keptDirectory: undefined });
  expect(first.delivered).toEqual({ 'report.md': 'marker: MARKER-one' });
  expect(first.types).toEqual(
    expect.arrayContaining(['progress', 'live', 'status', 'deliverable', 'done', 'seed-saved']),
  );
  expect(first.types.at(-1)).toBe('ended');

  const document = await getSessionDocument(store, first.session.id);
  expect(document).toMatchObject({ taskId: 'first', agent: 'opencode', state: 'ended', outcome: { state: 'done' } });
  expect(document?.details).toMatchObject({ metadata: { project: 'a test' } });
  expect(document?.secrets).toBeUndefined();
  expect(document?.log.offset).toBeGreaterThan(0);

  const { seedId } = first.result;
  if (seedId === undefined) throw new Error('no seed was kept');
  expect(saved).toEqual([[seedId, scriptedProviderConfig(model.url).model]]);
  let names: readonly string[] = [];
  const second = await runSession({
    ...base,
    taskId: 'second',
    task: 'Write MARKER-two.',
    seedId,
    supportsResume: false,
    hooks: {
      async afterExecute(context) {
        names = (await context.run(['ls'])).stdout.toString('utf8').trim().split('\n');
      },
    },
  });
  expect(second.result).toMatchObject({ state: 'done', problems: [], snapshotId: undefined });
  expect(names).toContain('optio.log');
  expect(names).not.toContain('resume.log');
  expect(second.delivered).toEqual({ 'report.md': 'marker: MARKER-two' });
  expect(second.result.opencodeSessionId).not.toBe(first.result.opencodeSessionId);
  // Every request had the key: the model answers no other.
  expect(model.requests.every(({ hasAuthorization }) => hasAuthorization)).toBe(true);
}

describe('startOpencodeSession with the real opencode', () => {
  it(
    'runs over SSH as another user on MongoDB, and again from the seed it kept',
    { timeout: 300_000 },
    async (context) => {
      const uri = inject('mongoUri');
      if (uri === undefined) return context.skip(`needs ${inject('mongoMissing')}`);
      const { sshd, reason } = await startSshd({ user: process.getuid?.() === 0 ? 'other' : 'self' });
      if (sshd === undefined) return context.skip(`needs ${reason}`);
      await using _ = sshd;
      const host = createSshHost({ ...sshd.login, hostKeys: pinnedKey(...sshd.fingerprints) });
      await using client = new MongoClient(uri, { serverSelectionTimeoutMS: 5000 });
      await using store = createMongoStore(client.db(`session-${process.pid}`));
      const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
      try {
        await runTwice(host, store, cipher, join(sshd.home, 'tasks'));
        expect(await readdir(join(sshd.home, 'tasks'))).toEqual([]);
      } finally {
        await host[Symbol.asyncDispose]();
      }
      // sshd ends what a closed connection leaves a moment later.
      await expect.poll(() => sshd.processes()).toEqual([]);
    },
  );

  it('goes on where the last run of a task ended, in another place', { timeout: 180_000 }, async () => {
    await using host = createLocalHost();
    await using store = createSqliteStore(join(directory, 'optio.db'));
    const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
    await using model = await startScriptedModel({ apiKey: KEY, script: taskScript({ repeats: true }) });
    const base = { host, store, cipher, taskId: 'on-and-on', autoStart: true } as const;
    const first = await runSession({
      ...base,
      taskRoot: join(directory, 'here'),
      task: 'Write a report.',
      homeConfig: scriptedProviderConfig(model.url),
      env: scriptedEnvironment,
      login: scriptedLogin(KEY),
      files: [
        { path: 'notes/kept.txt', content: 'kept' },
        { path: 'node_modules/left-out.txt', content: 'left out' },
        { path: 'AGENTS.md', content: 'PROJECT-RULES' },
      ],
    });
    expect(first.result).toMatchObject({ state: 'done', problems: [], keptDirectory: undefined });
    expect(first.result.snapshotId).toBeDefined();
    // The task's own instructions reach the model beside ours.
    expect(model.requests.some(({ system }) => system.includes('PROJECT-RULES'))).toBe(true);

    const found: Record<string, string> = {};
    let names: readonly string[] = [];
    const second = await runSession({
      ...base,
      taskRoot: join(directory, 'there'),
      task: 'Write a report once more.',
      resume: true,
      saveSeed: {},
      hooks: {
        async beforeExecute(context) {
          for (const path of ['notes/kept.txt', 'resume.log', 'optio.log.old']) {
            found[path] = await context.readText(path);
          }
          names = (await context.run(['ls'])).stdout.toString('utf8').trim().split('\n');
        },
      },
    });
    expect(second.result).toMatchObject({ state: 'done', message: 'the report is written', problems: [] });
    expect(second.result.opencodeSessionId).toBe(first.result.opencodeSessionId);
    expect(found['notes/kept.txt']).toBe('kept');
    expect(names).toContain('notes');
    expect(names).not.toContain('node_modules');
    expect(found['optio.log.old']).toContain('DONE: the report is written');
    expect(found['resume.log']).toMatch(/^\S+Z\n\S+Z REFRESHED:AGENTS\.md\n$/);
    // The home came back as an agent left it: none of its configuration gets into a seed, only the model.
    const planted = await opencodeSeeds({ store, cipher }).plant({
      host,
      home: join(directory, 'home'),
      seedId: second.result.seedId ?? '',
    });
    expect(planted.config).toEqual({ model: scriptedProviderConfig(model.url).model });
    // The model is shown the first run's conversation before the new message.
    expect(model.requests.at(-1)?.messages.some(({ text }) => text.includes('everything is in the log'))).toBe(true);
  });

  it(
    'ends well with work that is too large for its snapshot, which stays where it is',
    { timeout: 120_000 },
    async () => {
      await using host = createLocalHost();
      await using store = createSqliteStore(join(directory, 'optio.db'));
      const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
      await using model = await startScriptedModel({ script: taskScript() });
      const { result, warnings } = await runSession({
        host,
        store,
        cipher,
        taskRoot: join(directory, 'tasks'),
        taskId: 'large',
        task: 'Write a report.',
        autoStart: true,
        maxSnapshotBytes: 10_000,
        homeConfig: scriptedProviderConfig(model.url),
        env: scriptedEnvironment,
      });
      const keptDirectory = join(directory, 'tasks/large');
      expect(result).toMatchObject({ state: 'done', problems: [], snapshotId: undefined, keptDirectory });
      expect(warnings.some((warning) => /^SNAPSHOT_TOO_LARGE: .*10000 bytes.*workdirExclude/.test(warning))).toBe(true);
      expect(await readdir(join(keptDirectory, 'workdir/deliverables'))).toEqual(['report.md']);
      expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
    },
  );

  it('keeps its work when its document cannot be written any more', { timeout: 120_000 }, async () => {
    await using host = createLocalHost();
    await using store = createSqliteStore(join(directory, 'optio.db'));
    const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
    await using model = await startScriptedModel({ script: taskScript() });
    const failing: Store = {
      ...store,
      replace: (collection, document) =>
        document['state'] === 'ending'
          ? Promise.reject(new Error('the store is away'))
          : store.replace(collection, document),
    };
    const { result } = await runSession({
      host,
      store: failing,
      cipher,
      taskRoot: join(directory, 'tasks'),
      taskId: 'kept',
      task: 'Write a report.',
      autoStart: true,
      homeConfig: scriptedProviderConfig(model.url),
      env: scriptedEnvironment,
    });
    expect(result).toMatchObject({ state: 'done', keptDirectory: undefined });
    expect(result.snapshotId).toBeDefined();
    expect(result.problems).toEqual([{ step: 'beforeStop', message: 'the store is away' }]);
  });

  it('ends at once when it is killed, and leaves nothing', { timeout: 120_000 }, async () => {
    await using host = createLocalHost();
    await using store = createSqliteStore(join(directory, 'optio.db'));
    const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
    await using model = await startScriptedModel({ script: () => ({ hangs: true }) });
    const taskRoot = join(directory, 'tasks');
    const session = await startOpencodeSession({
      host,
      store,
      cipher,
      taskRoot,
      taskId: 'killed',
      task: 'Wait.',
      autoStart: true,
      homeConfig: scriptedProviderConfig(model.url),
      env: scriptedEnvironment,
    });
    for await (const event of session.events) if (event.type === 'live') break;
    await session.kill();
    expect(await session.result).toMatchObject({ state: 'cancelled', snapshotId: undefined, keptDirectory: undefined });
    expect(await readdir(taskRoot)).toEqual([]);
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });
});
