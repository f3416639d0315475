import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Host } from '@optio-ts/host-core';
import { createLocalHost } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { getSessionDocument, openKeyring } from '@optio-ts/seed-engine';
import type { Cipher, Store } from '@optio-ts/seed-engine';
import { createMongoStore } from '@optio-ts/seed-engine/mongo';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { scriptedLogin, scriptedProviderConfig, startScriptedModel, startSshd, taskScript } from '@optio-ts/testkit';
import { MongoClient } from 'mongodb';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

import type { OpencodeSession, OpencodeSessionResult, StartOpencodeSessionOptions } from '../index.ts';
import { startOpencodeSession } from '../index.ts';

const KEY = 'the key of the scripted model';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-session-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** What a session delivered and told, once it is over. */
interface Run {
  readonly session: OpencodeSession;
  readonly result: OpencodeSessionResult;
  readonly types: readonly string[];
  readonly warnings: readonly string[];
  readonly delivered: Readonly<Record<string, string>>;
}

async function run(options: StartOpencodeSessionOptions): Promise<Run> {
  const delivered: Record<string, string> = {};
  const session = await startOpencodeSession({
    ...options,
    hooks: {
      async onDeliverable(_context, deliverable) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of deliverable.content()) chunks.push(chunk);
        delivered[deliverable.name] = Buffer.concat(chunks).toString('utf8');
      },
    },
  });
  const types: string[] = [];
  const warnings: string[] = [];
  for await (const event of session.events) {
    types.push(event.type);
    expect(event.id.startsWith(`${session.id}:`)).toBe(true);
    if (event.type === 'warning') warnings.push(`${event.code}: ${event.message}`);
  }
  return { session, result: await session.result, types, warnings, delivered };
}

/** A session that logs in, delivers and keeps its seed; then one that has nothing but the seed. */
async function runTwice(host: Host, store: Store, cipher: Cipher, taskRoot: string): Promise<void> {
  await using model = await startScriptedModel({
    apiKey: KEY,
    script: taskScript({ deliverables: { 'report.md': ({ system }) => `marker: ${/MARKER-\w+/.exec(system)?.[0]}` } }),
  });
  const base = { host, store, cipher, taskRoot, autoStart: true } as const;
  const first = await run({
    ...base,
    taskId: 'first',
    task: 'Write MARKER-one.',
    homeConfig: scriptedProviderConfig(model.url),
    login: scriptedLogin(KEY),
    saveSeed: { label: 'a test' },
  });
  expect(first.warnings.filter((warning) => !warning.startsWith('NOT_CONFINED'))).toEqual([]);
  expect(first.result).toMatchObject({ state: 'done', reason: 'agent-done', problems: [], keptDirectory: undefined });
  expect(first.delivered).toEqual({ 'report.md': 'marker: MARKER-one' });
  expect(first.types).toEqual(
    expect.arrayContaining(['progress', 'live', 'status', 'deliverable', 'done', 'seed-saved']),
  );
  expect(first.types.at(-1)).toBe('ended');

  const document = await getSessionDocument(store, first.session.id);
  expect(document).toMatchObject({ taskId: 'first', agent: 'opencode', state: 'ended', outcome: { state: 'done' } });
  expect(document?.secrets).toBeUndefined();
  expect(document?.log.offset).toBeGreaterThan(0);

  const { seedId } = first.result;
  if (seedId === undefined) throw new Error('no seed was kept');
  const second = await run({ ...base, taskId: 'second', task: 'Write MARKER-two.', seedId });
  expect(second.result).toMatchObject({ state: 'done', problems: [] });
  expect(second.delivered).toEqual({ 'report.md': 'marker: MARKER-two' });
  expect(second.result.opencodeSessionId).not.toBe(first.result.opencodeSessionId);
  // Every request had the key: the model answers no other.
  expect(model.requests.every(({ hasAuthorization }) => hasAuthorization)).toBe(true);
}

describe('startOpencodeSession with the real opencode', () => {
  it('runs here on SQLite, and again from the seed it kept', { timeout: 180_000 }, async () => {
    await using host = createLocalHost();
    await using store = createSqliteStore(join(directory, 'optio.db'));
    const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
    const taskRoot = join(directory, 'tasks');
    await runTwice(host, store, cipher, taskRoot);
    expect(await readdir(taskRoot)).toEqual([]);
  });

  it(
    'runs over SSH as another user on MongoDB, and again from the seed it kept',
    { timeout: 300_000 },
    async (context) => {
      const uri = inject('mongoUri');
      if (uri === undefined) return context.skip(`needs ${inject('mongoMissing')}`);
      const { sshd, reason } = await startSshd({ user: process.getuid?.() === 0 ? 'other' : 'self' });
      if (sshd === undefined) return context.skip(`needs ${reason}`);
      await using _ = sshd;
      const [hostKey] = sshd.hostKeys;
      await using host = createSshHost({
        host: sshd.host,
        port: sshd.port,
        user: sshd.user,
        authentication: { type: 'key', privateKey: sshd.privateKey },
        hostKeys: pinnedKey(hostKey?.fingerprint ?? ''),
      });
      await using client = new MongoClient(uri, { serverSelectionTimeoutMS: 5000 });
      await using store = createMongoStore(client.db(`session-${process.pid}`));
      const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
      await runTwice(host, store, cipher, join(sshd.home, 'tasks'));
      expect(await sshd.processes()).toEqual([]);
    },
  );
});
